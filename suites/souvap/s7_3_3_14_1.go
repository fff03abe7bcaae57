package souvap

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/tls"
)

// A check of its own: kubeadm's and the kubelet's defaults are RSA with 2048
// bits, and that deviation must not hide what endpoints offer. How long
// certificates are valid is a figure; what is short, the statement leaves open.
var _ = check.Register(check.Of(check.Meta{
	ID: "SOUVAP.7.3.3.14.1/certificate-keys-long-enough",
	Title: v1alpha1.T(
		"Die Zertifikate von Control Plane, Kubelets und API-Erweiterungen haben ausreichend lange Schlüssel",
		"The certificates of control plane, kubelets and API extensions have keys that are long enough"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "SOUVAP.7.3.3.14.1-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{},
}, tls.Probe, tls.Rule{
	Kinds: tls.Kinds(),
	Keys:  true,
	Remedy: v1alpha1.T(
		"Zertifikate mit ECDSA P-256 oder RSA ab 3072 Bit neu ausstellen: bei kubeadm mit encryptionAlgorithm in der ClusterConfiguration (v1beta4), bei Kubelets mit serverTLSBootstrap statt selbst signierter Zertifikate, bei Controller Manager und Scheduler mit --tls-cert-file, bei Webhooks in deren Zertifikatsverwaltung.",
		"Issue certificates anew with ECDSA P-256 or RSA of at least 3072 bits: with kubeadm by encryptionAlgorithm in the ClusterConfiguration (v1beta4), for kubelets by serverTLSBootstrap instead of self-signed certificates, for controller manager and scheduler by --tls-cert-file, for webhooks in what manages their certificates."),
}.Judge))
