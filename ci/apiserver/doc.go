// Package apiserver holds tests against a real etcd and kube-apiserver, without
// controllers, kubelets and policies (make test-api). What needs no server is
// tested beside it without a build tag.
package apiserver
