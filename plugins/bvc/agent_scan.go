package main

import (
	"time"

	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

// scanCommand is the role that looks at a node's TLS servers from the node.
func scanCommand(nonce *string) *cobra.Command {
	var scan agent.Scan
	var targets []string
	c := &cobra.Command{
		Use: "scan", Short: "Say what the TLS servers of this node offer", Args: noArguments,
		Example: "  bvc agent scan --nonce 5f3a --client n1 --target scheduler-1=10.0.0.7:10259,127.0.0.1:10259",
		RunE: func(c *cobra.Command, _ []string) error {
			for _, text := range targets {
				t, err := agent.ParseScanned(text)
				if err != nil {
					return usageError("--target: %w", err)
				}
				scan.Targets = append(scan.Targets, t)
			}
			scan.Nonce, scan.Scanner.Now = *nonce, time.Now()
			return toolFailed(scan.Run(c.Context(), c.OutOrStdout()))
		},
	}
	c.Flags().StringVar(&scan.Client, "client", "", "name of this pod")
	c.Flags().StringArrayVar(&targets, "target", nil, "name=host:port[,host:port], tried until one lets in; may be given several times")
	c.Flags().DurationVar(&scan.Scanner.Connect, "connect", 2*time.Second, "time for a connection")
	c.Flags().DurationVar(&scan.Scanner.Answer, "answer", 3*time.Second, "time for an answer")
	c.Flags().IntVar(&scan.Scanner.Tries, "tries", 3, "attempts at what stays undecided")
	return c
}
