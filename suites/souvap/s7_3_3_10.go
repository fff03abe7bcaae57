package souvap

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/ports"
)

var _ = check.Register(ports.Internet(check.Meta{
	ID: "SOUVAP.7.3.3.10/privileged-pods-no-internet",
	Title: v1alpha1.T(
		"Pods im Netz eines Nodes erreichen das Internet nicht",
		"Pods in the network of a node do not reach the internet"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "SOUVAP.7.3.3.10-UA.2", Decides: v1alpha1.Part},
	},
}))
