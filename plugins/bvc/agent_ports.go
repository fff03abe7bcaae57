package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

// portsCommands are the roles that look at the platform's own ports, from a
// pod and from the node.
func portsCommands(nonce *string) []*cobra.Command {
	var knock agent.Knock
	var knockTargets []string
	var control string
	k := &cobra.Command{
		Use: "knock", Short: "Try ports that should not let a pod in", Args: noArguments,
		Example: "  bvc agent knock --nonce 5f3a --client k1 --target n1=kubelet:10.0.0.7:10250 --control 10.244.1.2:18080",
		RunE: func(c *cobra.Command, _ []string) error {
			targets, err := knocked(knockTargets)
			if err != nil {
				return err
			}
			knock.Nonce, knock.Targets = *nonce, targets
			knock.Control = agent.Target{Name: agent.ControlName, Address: control}
			return toolFailed(knock.Run(c.Context(), c.OutOrStdout()))
		},
	}
	knockFlags(k, &knock, &knockTargets)
	k.Flags().StringVar(&control, "control", "", "host:port of a server (bvc agent serve) that is greeted around the rounds")
	k.Flags().DurationVar(&knock.Settle, "settle", 45*time.Second, "longest time to wait for the control's first answer")
	k.Flags().IntVar(&knock.ReadyPort, "serve-ready-port", 0, "open this port at the start; 0 is none")

	l := agent.Listeners{Tables: "/proc/net"}
	var own, beyond, canaries []string
	n := &cobra.Command{
		Use: "listening", Short: "Say which ports listen on this node", Args: noArguments,
		Example: "  bvc agent listening --nonce 5f3a --client n1 --own n1=kubelet:10.0.0.7:10250 --target a1=10.0.0.5:6443",
		RunE: func(c *cobra.Command, _ []string) error {
			ownTargets, err := knocked(own)
			if err != nil {
				return err
			}
			others, err := knocked(beyond)
			if err != nil {
				return err
			}
			for _, t := range ownTargets {
				l.Own = append(l.Own, t.Name)
			}
			if l.Canaries, err = knocked(canaries); err != nil {
				return usageError("--canary: %w", err)
			}
			l.Nonce, l.Targets = *nonce, slices.Concat(ownTargets, others)
			return toolFailed(l.Run(c.Context(), c.OutOrStdout()))
		},
	}
	knockFlags(n, &l.Knock, &beyond)
	n.Flags().StringArrayVar(&own, "own", nil, "port of this node, as --target; may be given several times")
	n.Flags().DurationVar(&l.Again, "again", 5*time.Second, "time between two looks at what listens")
	n.Flags().StringArrayVar(&canaries, "canary", nil, "name=host:port that is knocked at in rounds of its own; may be given several times")
	n.Flags().IntVar(&l.CanaryRounds, "canary-rounds", 5, "rounds at each canary")
	n.Flags().DurationVar(&l.CanaryEvery, "canary-every", time.Second, "time between two attempts at canaries")
	n.Flags().DurationVar(&l.CanarySpan, "canary-span", 12*time.Second, "time between the first and the last round at canaries")
	return []*cobra.Command{k, n}
}

func knockFlags(c *cobra.Command, k *agent.Knock, targets *[]string) {
	c.Flags().StringVar(&k.Client, "client", "", "name of this pod")
	c.Flags().StringArrayVar(targets, "target", nil, "name=host:port or name=ask:host:port, ask being kubelet, kubelet-plain or etcd; may be given several times")
	c.Flags().IntVar(&k.Rounds, "rounds", 5, "attempts at each port")
	c.Flags().DurationVar(&k.Every, "every", 400*time.Millisecond, "time between two attempts")
	c.Flags().DurationVar(&k.Span, "span", 12*time.Second, "time between the first and the last round at least")
	c.Flags().DurationVar(&k.Timeout, "timeout", 2*time.Second, "time for one attempt")
	c.Flags().StringVar(&k.TokenFile, "token-file", "", "file with the pod's own token; it may be missing")
}

func knocked(texts []string) ([]agent.Knocked, error) {
	var out []agent.Knocked
	for _, text := range texts {
		t, err := agent.ParseKnocked(text)
		if err != nil {
			return nil, usageError("%w", err)
		}
		out = append(out, t)
	}
	return out, nil
}
