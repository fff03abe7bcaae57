package tls

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
)

// Observation is what each endpoint of the control plane, of the nodes and of
// the extensions of the API offers.
type Observation struct {
	APIServers         Group `json:"apiServers"`
	Kubelets           Group `json:"kubelets"`
	Etcd               Group `json:"etcd"`
	ControllerManagers Group `json:"controllerManagers"`
	Schedulers         Group `json:"schedulers"`
	Webhooks           Group `json:"webhooks"`
	APIServices        Group `json:"apiServices"`
	// ConversionWebhooks are those of CustomResourceDefinitions whose backend is
	// not that of another webhook.
	ConversionWebhooks Group `json:"conversionWebhooks"`
	// OnlyTR02102: the site declares that it offers no suites but those of BSI
	// TR-02102-2.
	OnlyTR02102 bool `json:"onlyTR02102"`
	// OwnNodes: what the runner did not reach on nodes was looked at from there.
	OwnNodes OwnNodes `json:"ownNodes"`
}

// OwnNodes is how the looks from the nodes themselves went.
type OwnNodes struct {
	// Wanted is on how many nodes something was not reached, Looked on how many
	// of them a pod ran.
	Wanted int `json:"wanted"`
	Looked int `json:"looked"`
	// Trouble that kept a pod away, the last one.
	Trouble cluster.Trouble `json:"trouble,omitempty"`
}

// Group are the endpoints of one kind.
type Group struct {
	Listing Listing `json:"listing"`
	// Found is how many the cluster names, or where they may be; Selected how
	// many of them the probe means to look at (see MostOf).
	Found    int `json:"found"`
	Selected int `json:"selected"`
	// NotTried of those selected, because time ran out.
	NotTried int      `json:"notTried"`
	Targets  []Target `json:"targets"`
}

// Target is one endpoint; it has no name here.
type Target struct {
	// Index counts from 1 in the order of the cluster's own list.
	Index int `json:"index"`
	Via   Via `json:"via"`
	tlsscan.Result
}

// Listing is whether the cluster's list of the endpoints could be read.
type Listing string

// Values of Listing.
const (
	Listed            Listing = "listed"
	ListingNotAllowed Listing = "notAllowed"
	ListingFailed     Listing = "failed"
)

// Via is what an endpoint's address comes from.
type Via string

// Values of Via.
const (
	// ViaEndpoint: under which the API server registered itself.
	ViaEndpoint Via = "endpoint"
	// ViaConfiguredHost: of the run's own access, where the one address that
	// the cluster names can not be reached from here.
	ViaConfiguredHost Via = "configuredHost"
	// ViaNode: a node's internal address.
	ViaNode Via = "node"
	// ViaOwnNode: the same, from the network of that node.
	ViaOwnNode Via = "ownNode"
	// ViaLoopback: the node's loopback address, from its network.
	ViaLoopback Via = "loopback"
	// ViaService: a Service in front of it.
	ViaService Via = "service"
	// ViaURL: a URL in a webhook's configuration.
	ViaURL Via = "url"
)

// Kind of endpoints.
type Kind string

// Kinds.
const (
	APIServer         Kind = "apiServer"
	Kubelet           Kind = "kubelet"
	Etcd              Kind = "etcd"
	ControllerManager Kind = "controllerManager"
	Scheduler         Kind = "scheduler"
	Webhook           Kind = "webhook"
	APIService        Kind = "apiService"
	// ConversionWebhook converts custom resources from version to version.
	ConversionWebhook Kind = "conversionWebhook"
)

// Kinds lists them in the order in which they are scanned.
func Kinds() []Kind {
	return []Kind{APIServer, Kubelet, Etcd, ControllerManager, Scheduler, Webhook, APIService, ConversionWebhook}
}

// Of gives the endpoints of a kind.
func (o Observation) Of(k Kind) Group { return *o.group(k) }

func (o *Observation) group(k Kind) *Group {
	switch k {
	case APIServer:
		return &o.APIServers
	case Kubelet:
		return &o.Kubelets
	case Etcd:
		return &o.Etcd
	case ControllerManager:
		return &o.ControllerManagers
	case Scheduler:
		return &o.Schedulers
	case Webhook:
		return &o.Webhooks
	case APIService:
		return &o.APIServices
	default:
		return &o.ConversionWebhooks
	}
}

// Complete reports whether nothing that was selected is missing.
func (o Observation) Complete() bool {
	for _, k := range Kinds() {
		g := o.Of(k)
		if g.Selected > g.Found || len(g.Targets)+g.NotTried != g.Selected {
			return false
		}
		for _, t := range g.Targets {
			if len(t.Suites.Names) != t.Suites.Count {
				return false
			}
		}
	}
	return true
}
