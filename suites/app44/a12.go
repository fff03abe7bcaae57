package app44

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/tls"
)

var _ = check.Register(check.Of(check.Meta{
	ID: "APP.4.4.A12/api-extension-tls",
	Title: v1alpha1.T(
		"Webhooks und Erweiterungen der API sprechen nur zeitgemäßes TLS",
		"Webhooks and extensions of the API speak modern TLS only"),
	Area: check.Network,
	Covers: []check.Covers{
		{Statement: "APP.4.4.A12-UA.1", Decides: v1alpha1.Part},
		{Statement: "SOUVAP.7.3.3.14.1-UA.1", Decides: v1alpha1.Part},
	},
	Policies: []string{},
}, tls.Probe, tls.Rule{
	Kinds: []tls.Kind{tls.Webhook, tls.APIService, tls.ConversionWebhook},
	Remedy: v1alpha1.T(
		"In der Anwendung hinter dem Webhook oder dem APIService TLS 1.2 als kleinste Version setzen, schwache Suites ausschließen und HTTP ohne TLS auf diesem Port abschalten; wo sie keine Einstellung dafür hat, eine neuere Version einsetzen.",
		"In the application behind the webhook or APIService set TLS 1.2 as the lowest version, exclude weak suites, and switch off HTTP without TLS on this port; where it has no setting for that, use a newer version."),
}.Judge))
