package main

import (
	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

// wireCommands are the roles that measure whether nodes encrypt what they send
// each other.
func wireCommands(nonce *string) []*cobra.Command {
	var receive agent.Receive
	r := &cobra.Command{
		Use: "receive", Short: "Take streams and confirm them by digest", Args: noArguments,
		Example: "  bvc agent receive --nonce 5f3a --port 18080",
		RunE: func(c *cobra.Command, _ []string) error {
			receive.Nonce = *nonce
			return toolFailed(receive.Run(c.Context(), c.OutOrStdout()))
		},
	}
	r.Flags().IntVar(&receive.Port, "port", 0, "port for TCP and UDP; 0 is any free one")
	r.Flags().IntVar(&receive.ReadyPort, "serve-ready-port", 0, "open this port once streams are taken; 0 is none")

	var send agent.Send
	var streams []string
	s := &cobra.Command{
		Use: "send", Short: "Send each stream once", Args: noArguments,
		Example: "  bvc agent send --nonce 5f3a --stream s1,tcp,10.0.0.7:18080,8388608,CANARY",
		RunE: func(c *cobra.Command, _ []string) error {
			for _, text := range streams {
				o, err := agent.ParseOutbound(text)
				if err != nil {
					return usageError("--stream: %w", err)
				}
				send.Streams = append(send.Streams, o)
			}
			send.Nonce = *nonce
			return toolFailed(send.Run(c.Context(), c.OutOrStdout()))
		},
	}
	// Not StringSlice: a stream has commas.
	s.Flags().StringArrayVar(&streams, "stream", nil, "name,tcp|udp,host:port,bytes,canary; may be given several times")
	s.Flags().IntVar(&send.ReadyPort, "serve-ready-port", 0, "open this port at the start; 0 is none")

	var peers, canaries []string
	n := &cobra.Command{
		Use: "sniff", Short: "Count what leaves the node for its peers, and canaries in it", Args: noArguments,
		Long: `Listens on the devices by which packets to the peers leave this node, and writes counters: frames, bytes to the peers by
outer protocol, and where a canary was in clear. Frames are neither kept nor written. Needs CAP_NET_RAW.`,
		Example: "  bvc agent sniff --nonce 5f3a --peer 2=10.0.0.7 --canary control=CANARY",
		RunE: func(c *cobra.Command, _ []string) error {
			sniff, err := agent.ParseSniff(*nonce, peers, canaries)
			if err != nil {
				return usageError("%w", err)
			}
			return toolFailed(sniff.Run(c.Context(), c.OutOrStdout()))
		},
	}
	n.Flags().StringArrayVar(&peers, "peer", nil, "name=address of a peer, may be given several times")
	n.Flags().StringArrayVar(&canaries, "canary", nil, "name=canary, may be given several times; the one called control is sent in clear by the sniffer itself")
	return []*cobra.Command{r, s, n}
}
