package main

import (
	"github.com/spf13/cobra"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// access are the flags that say how a person reaches the cluster.
type access struct {
	kubeconfig, context string
}

func (a *access) flags(c *cobra.Command) {
	c.Flags().StringVar(&a.kubeconfig, "kubeconfig", "", "path of the kubeconfig (default: $KUBECONFIG, then ~/.kube/config)")
	c.Flags().StringVar(&a.context, "context", "", "context of the kubeconfig (default: its current one)")
}

// config reads the kubeconfig by kubectl's rules.
func (a access) config() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = a.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: a.context}).ClientConfig()
	if err != nil && kuberuntime.IsNotRegisteredError(err) {
		return nil, usageError("read the kubeconfig: the file is no kubeconfig (apiVersion v1, kind Config)\nName one with --kubeconfig")
	}
	if err != nil {
		return nil, usageError("read the kubeconfig: %w\nName one with --kubeconfig, or another context with --context", err)
	}
	// Warnings are the API server's words on each manifest; errors come anyway.
	config.WarningHandler = rest.NoWarnings{}
	// For what the command itself asks; probes keep to --qps.
	config.QPS, config.Burst = 20, 40
	return config, nil
}
