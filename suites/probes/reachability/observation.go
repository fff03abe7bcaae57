// Package reachability observes whether NetworkPolicies take effect: who can
// reach whom on every node before a policy closes a path, while it does, and
// after it opens the path again.
package reachability

import "gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"

// Observation is what the probe saw.
type Observation struct {
	// SchedulableNodes are all nodes on which a probe pod could run,
	// MeasuredNodes those on which pods of the probe ran.
	SchedulableNodes int `json:"schedulableNodes"`
	MeasuredNodes    int `json:"measuredNodes"`
	// CrossNamespace says that clients ran in another namespace than servers.
	CrossNamespace bool `json:"crossNamespace"`
	// OtherOpenings counts NetworkPolicies that are not ours, select the
	// servers and may let the clients in; -1 when that could not be looked up.
	// Policies add up: with such a one an open path is no fault of the network.
	OtherOpenings int `json:"otherOpenings"`
	// Phases in the order in which they were run.
	Phases []Phase `json:"phases"`
	// Trouble is why pods did not run, empty when all did.
	Trouble cluster.Trouble `json:"trouble"`
}

// PhaseName names a phase.
type PhaseName string

// The phases: the policy lets in client and allowed, then only allowed, then
// both again.
const (
	OpenBefore PhaseName = "openBefore"
	Closed     PhaseName = "closed"
	OpenAgain  PhaseName = "openAgain"
)

// Phase is one state of the policy.
type Phase struct {
	Name PhaseName `json:"name"`
	// PolicyAccepted says that the API server took the policy of the phase.
	PolicyAccepted bool `json:"policyAccepted"`
	// Settled says that every pair did what the policy says for SettleRounds
	// attempts in a row; SettleSeconds is how long that took or was awaited.
	Settled       bool    `json:"settled"`
	SettleSeconds float64 `json:"settleSeconds"`
	// WindowSeconds is how long the window lasted that the pairs count.
	WindowSeconds float64 `json:"windowSeconds"`
	// Pairs of a server and a client.
	Pairs []Pair `json:"pairs"`
}

// Role is what a client pod is to the policy.
type Role string

// Roles: Client is shut out in the closed phase, Allowed never.
const (
	Client  Role = "client"
	Allowed Role = "allowed"
)

// Pair is what one client saw of one server in the window of a phase. Server
// and Client are nodes by index; equal ones are on the same node.
type Pair struct {
	Server int  `json:"server"`
	Client int  `json:"client"`
	Role   Role `json:"role"`
	// Attempts that the client finished, Missing those that its log does not
	// tell of although it tells of later ones.
	Attempts int `json:"attempts"`
	Missing  int `json:"missing"`
	// Echoed attempts got their greeting back; LastEchoed of them were the
	// last in a row.
	Echoed     int `json:"echoed"`
	LastEchoed int `json:"lastEchoed"`
	// SeenByServer are attempts whose greeting the server read, answered or not.
	SeenByServer int `json:"seenByServer"`
	// ServerLogComplete says that the server's log was read beyond the window:
	// it holds an attempt of an allowed client that began after it.
	ServerLogComplete bool `json:"serverLogComplete"`
	// The attempts that were not echoed, by class.
	Timeout     int `json:"timeout"`
	Refused     int `json:"refused"`
	Reset       int `json:"reset"`
	Unreachable int `json:"unreachable"`
	Other       int `json:"other"`
}
