package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/reachability"
)

// Plan is what kind/cyclonus reads: pods, and the stages through which they go.
type Plan struct {
	Ports  []Port  `json:"ports"`
	Pods   []Pod   `json:"pods"`
	Stages []Stage `json:"stages"`
}

// Port is what every pod serves.
type Port struct {
	Protocol corev1.Protocol `json:"protocol"`
	Number   int32           `json:"number"`
}

// Pod runs on the node of that index among those that take pods.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Node      int    `json:"node"`
}

func (p Pod) key() string { return p.Namespace + "/" + p.Name }

// Stage has the labels of every pod, by namespace and name, and the pairs that
// the probe measures in it.
type Stage struct {
	Name     reachability.StageName        `json:"name"`
	Policies []*networkingv1.NetworkPolicy `json:"policies"`
	Labels   map[string]map[string]string  `json:"labels"`
	Pairs    []Pair                        `json:"pairs"`
}

// Pair is one client's way to one server, as the probe knows it and as
// cyclonus does. Server and Client are nodes by index.
type Pair struct {
	Who    reachability.Who `json:"who"`
	Way    reachability.Way `json:"way"`
	Server int              `json:"server"`
	Client int              `json:"client"`
	Open   bool             `json:"open"`

	From     string          `json:"from"`
	To       string          `json:"to"`
	Protocol corev1.Protocol `json:"protocol"`
	Port     int32           `json:"port"`
	// Mode is cyclonus's word for whose address is tried.
	Mode string `json:"mode"`
}

// Modes of cyclonus. It knows no node ports.
const (
	podIP     = "pod-ip"
	serviceIP = "service-ip"
)

const nodes = 2

// NewPlan is the plan of all stages.
func NewPlan(serverNS, clientNS string) Plan {
	const runID = "peer"
	situations := reachability.Situations(runID, serverNS, clientNS)
	plan := Plan{}
	for _, way := range []reachability.Way{reachability.TCP, reachability.OtherTCP, reachability.UDP, reachability.OtherUDP} {
		protocol, number, _ := way.Port()
		plan.Ports = append(plan.Ports, Port{protocol, number})
	}
	server := func(node int) Pod { return Pod{serverNS, fmt.Sprintf("server-%d", node), node} }
	client := func(who reachability.Who, node int) Pod {
		return Pod{situations[0].Clients[who].Namespace, fmt.Sprintf("%s-%d", strings.ToLower(string(who)), node), node}
	}
	for node := 1; node <= nodes; node++ {
		plan.Pods = append(plan.Pods, server(node))
		for _, who := range []reachability.Who{reachability.Keeper, reachability.Good, reachability.Other, reachability.GoodLocal, reachability.OtherLocal} {
			plan.Pods = append(plan.Pods, client(who, node))
		}
	}
	for _, s := range situations {
		stage := Stage{Name: s.Stage, Policies: s.Policies, Labels: map[string]map[string]string{}}
		for node := 1; node <= nodes; node++ {
			label := func(p Pod, labels map[string]string) {
				// Services of cyclonus select the pod by its labels.
				own := maps.Clone(labels)
				own["pod"] = p.Name
				stage.Labels[p.key()] = own
			}
			label(server(node), s.Servers)
			for who, c := range s.Clients {
				label(client(who, node), c.Labels)
			}
		}
		for _, e := range reachability.Expectations(true) {
			protocol, number, known := e.Way.Port()
			if e.Stage != s.Stage || !known {
				continue
			}
			mode := podIP
			if e.Way == reachability.Service {
				mode = serviceIP
			}
			for node := 1; node <= nodes; node++ {
				other := nodes + 1 - node
				if slices.ContainsFunc(stage.Pairs, func(p Pair) bool { return p.Who == e.Who && p.Way == e.Way && p.Server == node }) {
					continue // the same way to the servers of another group
				}
				stage.Pairs = append(stage.Pairs, Pair{
					Who: e.Who, Way: e.Way, Server: node, Client: other, Open: e.Open,
					From: client(e.Who, other).key(), To: server(node).key(), Protocol: protocol, Port: number, Mode: mode,
				})
			}
		}
		plan.Stages = append(plan.Stages, stage)
	}
	return plan
}
