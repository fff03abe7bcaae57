// Package ports observes which of the platform's own ports a tenant's pod
// reaches: on every node those by which it is administered, the API servers,
// and what the site names. Pods in the nodes' network say what listens there,
// for silence proves nothing of a port that nobody serves.
package ports

import (
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// Observation is what the probe saw.
type Observation struct {
	// Nodes are all of the cluster, ControlPlanes those with that role.
	Nodes         int `json:"nodes"`
	ControlPlanes int `json:"controlPlanes"`
	// Machines are the nodes that were knocked at, control planes first.
	MachineCount int       `json:"machineCount"`
	Machines     []Machine `json:"machines"`
	// SchedulableNodes take pods of tenants; KnockingPods ran there.
	SchedulableNodes int `json:"schedulableNodes"`
	KnockingPods     int `json:"knockingPods"`
	// APIServers are all addresses under which API servers are registered,
	// ManagementTargets what the site named.
	APIServers        int `json:"apiServers"`
	ManagementTargets int `json:"managementTargets"`
	// AllowedPortsDeclared says that the site gave a list, maybe an empty one.
	AllowedPortsDeclared bool `json:"allowedPortsDeclared"`
	// Trouble is why no pod could knock, empty when pods did.
	Trouble cluster.Trouble `json:"trouble"`
	// WindowSeconds is from the first attempt to the last, as the runner saw it.
	WindowSeconds float64 `json:"windowSeconds"`
	// Controls has one for each knocking pod.
	Controls []Control `json:"controls"`
	// Decoys are the attempts of each knocking pod at a port of the same server
	// on which nobody listens. A connection is somebody's on the way.
	Decoys []Knock `json:"decoys"`
	// Targets in the order of Plan.
	Targets []Target `json:"targets"`
	Canary  Canary   `json:"canary"`
}

// Machine is a node that was knocked at.
type Machine struct {
	// Node by index, from 1.
	Node         int  `json:"node"`
	ControlPlane bool `json:"controlPlane"`
	// Addresses counts those by which the nodes know each other (InternalIP).
	Addresses int `json:"addresses"`
	// HostTrouble is why no pod ran in its network, empty when one did.
	HostTrouble cluster.Trouble `json:"hostTrouble"`
}

// Control is what one knocking pod saw of a server that it may reach.
type Control struct {
	Pod      int `json:"pod"`
	Attempts int `json:"attempts"`
	Echoed   int `json:"echoed"`
	// First and Last say that the attempts before the first and after the last
	// round were echoed.
	First bool `json:"first"`
	Last  bool `json:"last"`
}

// Kind is what a port is for.
type Kind string

// Kinds of ports.
const (
	SSH               Kind = "ssh"
	Kubelet           Kind = "kubelet"
	KubeletReadOnly   Kind = "kubeletReadOnly"
	EtcdClient        Kind = "etcdClient"
	EtcdPeer          Kind = "etcdPeer"
	EtcdMetrics       Kind = "etcdMetrics"
	ControllerManager Kind = "controllerManager"
	Scheduler         Kind = "scheduler"
	Runtime           Kind = "runtime"
	RuntimeTLS        Kind = "runtimeTLS"
	APIServer         Kind = "apiServer"
	Management        Kind = "management"
)

// NodeKinds are the ports that are looked at on each node.
func NodeKinds() []Kind {
	return []Kind{SSH, Kubelet, KubeletReadOnly, EtcdClient, EtcdPeer, EtcdMetrics, ControllerManager, Scheduler, Runtime, RuntimeTLS}
}

// Target is one port at one address.
type Target struct {
	Kind Kind `json:"kind"`
	// Node by index; 0 for what is no node's.
	Node int `json:"node"`
	// Index counts a node's addresses, the API servers or the site's targets, from 1.
	Index int `json:"index"`
	Port  int `json:"port"`
	// Allowed says that the site's file has the port in allowedPorts.
	Allowed bool `json:"allowed"`
	// Knocks has one for each knocking pod.
	Knocks []Knock `json:"knocks"`
	Host   Host    `json:"host"`
}

// Knock is what came of the attempts of one pod. The results add up to the
// attempts.
type Knock struct {
	Pod      int `json:"pod"`
	Attempts int `json:"attempts"`
	// Missing are attempts of which the log does not tell although it tells that
	// all were made.
	Missing     int `json:"missing"`
	Connected   int `json:"connected"`
	Timeout     int `json:"timeout"`
	Refused     int `json:"refused"`
	Reset       int `json:"reset"`
	Unreachable int `json:"unreachable"`
	// Other attempts could not be made.
	Other int `json:"other"`
	// Questions is how many answers there are to be.
	Questions int      `json:"questions"`
	Answers   []Answer `json:"answers"`
}

// Host is what a pod in a node's network says of a port: of its own node, or
// the one on machine 1 of API servers and of the site's targets.
type Host struct {
	// Looks at the node's table of listening sockets, OnNode those that found the
	// port served at this address.
	Looks  int `json:"looks"`
	OnNode int `json:"onNode"`
	// OnLoopback are looks that found it served for the node itself only.
	OnLoopback int `json:"onLoopback"`
	// OnOther are looks that found it served at another address, which was not
	// knocked at.
	OnOther int `json:"onOther"`
	// LookedAfter says that the last look was after the last attempt of the
	// knocking pods.
	LookedAfter bool `json:"lookedAfter"`
	// Dialled is what came of one attempt from the node, empty for none.
	Dialled agent.Result `json:"dialled"`
	// Questions is how many answers there are to be.
	Questions int      `json:"questions"`
	Answers   []Answer `json:"answers"`
}

// Answer is what a port said to one question.
type Answer struct {
	Question agent.Question `json:"question"`
	Result   agent.Result   `json:"result"`
	// Status of HTTP, 0 without an answer.
	Status int `json:"status"`
}

// Canary is the server in the internet that the site named.
type Canary struct {
	Given bool `json:"given"`
	// RunnerBefore and RunnerAfter are attempts of the runner around the others.
	RunnerBefore agent.Result `json:"runnerBefore"`
	RunnerAfter  agent.Result `json:"runnerAfter"`
	// RunnerNowhere, TenantsNowhere and NodesNowhere are attempts beside those, at
	// an address that no server has, on the same port. A connection is somebody's
	// on the way.
	RunnerNowhere agent.Result `json:"runnerNowhere"`
	// Tenants are the attempts of the knocking pods, Nodes those of the pods in
	// the nodes' network, by index of the machine.
	Tenants []Knock `json:"tenants"`
	Nodes   []Knock `json:"nodes"`

	TenantsNowhere []Knock `json:"tenantsNowhere"`
	NodesNowhere   []Knock `json:"nodesNowhere"`
}
