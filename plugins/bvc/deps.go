//go:build never

package main

import (
	_ "github.com/google/go-containerregistry/pkg/v1/remote"
	_ "github.com/invopop/jsonschema"
	_ "github.com/jstemmer/go-junit-report/v2/junit"
	_ "github.com/onsi/ginkgo/v2"
	_ "github.com/onsi/ginkgo/v2/types"
	_ "github.com/onsi/gomega"
	_ "github.com/prometheus/common/expfmt"
	_ "github.com/santhosh-tekuri/jsonschema/v6"
	_ "github.com/spf13/cobra"
	_ "github.com/vmware-tanzu/sonobuoy/pkg/client"
	_ "github.com/vmware-tanzu/sonobuoy/pkg/client/results"
	_ "github.com/vmware-tanzu/sonobuoy/pkg/dynamic"
	_ "gopkg.in/yaml.v3"
	_ "k8s.io/client-go/dynamic"
	_ "k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/tools/clientcmd"
	_ "k8s.io/pod-security-admission/policy"
	_ "sigs.k8s.io/controller-runtime/pkg/envtest"
	_ "sigs.k8s.io/yaml"
)
