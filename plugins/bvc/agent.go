package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

func agentCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "agent", Short: "Run a role of the probe agent (inside probe pods only)", Hidden: true,
		Example: "  bvc agent serve --nonce 5f3a",
		// Without this a misspelled role would print the help and end well.
		RunE: func(*cobra.Command, []string) error {
			return usageError("no such role; it is serve, dial, receive, send, sniff, knock, listening or scan\nSee 'bvc agent --help'")
		},
	}
	var nonce string
	var readyPort int
	c.PersistentFlags().StringVar(&nonce, "nonce", "", "the run's nonce")
	c.PersistentFlags().IntVar(&readyPort, "ready-port", 18081, "port of the readiness probe")

	var serve agent.Serve
	s := &cobra.Command{
		Use: "serve", Short: "Echo greetings", Args: noArguments,
		Example: "  bvc agent serve --nonce 5f3a --port 18080 --udp-port 18082 --ready-after 65s",
		RunE: func(c *cobra.Command, _ []string) error {
			serve.Nonce, serve.ReadyPort = nonce, readyPort
			return toolFailed(serve.Run(c.Context(), c.OutOrStdout()))
		},
	}
	s.Flags().IntSliceVar(&serve.Ports, "port", []int{18080}, "TCP port of the echo, may be given several times")
	s.Flags().IntSliceVar(&serve.UDPPorts, "udp-port", nil, "UDP port of the echo, may be given several times")
	s.Flags().DurationVar(&serve.ReadyAfter, "ready-after", 0, "open the readiness port only after this time")

	var dial agent.Dial
	var targets []string
	d := &cobra.Command{
		Use: "dial", Short: "Greet servers again and again", Args: noArguments,
		Example: "  bvc agent dial --nonce 5f3a --client c1 --target s1=10.0.0.7:18080",
		RunE: func(c *cobra.Command, _ []string) error {
			for _, t := range targets {
				name, address, ok := strings.Cut(t, "=")
				if !ok {
					return usageError("--target %q is not of the form name=host:port or name=udp:host:port", t)
				}
				address, udp := strings.CutPrefix(address, "udp:")
				dial.Targets = append(dial.Targets, agent.Target{Name: name, Address: address, UDP: udp})
			}
			dial.Nonce, dial.ReadyPort = nonce, readyPort
			return toolFailed(dial.Run(c.Context(), c.OutOrStdout()))
		},
	}
	d.Flags().StringVar(&dial.Client, "client", "", "name of this client")
	d.Flags().StringArrayVar(&targets, "target", nil, "name=host:port or name=udp:host:port of a server, may be given several times")
	d.Flags().DurationVar(&dial.Interval, "interval", time.Second, "time between two attempts at one server")
	d.Flags().DurationVar(&dial.Timeout, "timeout", 2*time.Second, "time for one attempt")
	c.AddCommand(s, d)
	c.AddCommand(wireCommands(&nonce)...)
	c.AddCommand(portsCommands(&nonce)...)
	c.AddCommand(scanCommand(&nonce))
	return c
}

func toolFailed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitToolFailed, err}
}
