package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// pluginGrace is how long the plugin may take to remove its own objects and
// end; it is the pod's own grace period.
const pluginGrace = 70 * time.Second

func cleanupCommand() *cobra.Command {
	var a access
	var sonobuoyNS string
	var namespaces []string
	c := &cobra.Command{
		Use: "cleanup", Short: "Remove what a killed run left in the cluster", Args: noArguments,
		Long: `Removes Sonobuoy's objects of a bvc run and every object that a run made in the tenant namespaces
and in bvc-privileged, and its fresh namespaces. What rbac.yaml prepared stays: kubectl delete -f rbac.yaml removes it.`,
		Example: "  bvc cleanup\n  bvc cleanup --kubeconfig cluster.kubeconfig",
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := a.config()
			if err != nil {
				return err
			}
			if err := reachable(c.Context(), config); err != nil {
				return err
			}
			if err := removeAll(c.Context(), config, sonobuoyNS, namespaces); err != nil {
				return &exitError{exitInconclusive, err}
			}
			fmt.Fprintln(c.OutOrStdout(), "No object of a run is left in the cluster.")
			return nil
		},
	}
	a.flags(c)
	c.Flags().StringVarP(&sonobuoyNS, "namespace", "n", sonobuoyNamespace, "Sonobuoy's namespace")
	c.Flags().StringSliceVar(&namespaces, "tenant-namespaces", cluster.TenantNamespaces(), "prepared namespaces")
	return c
}

func (r *sonobuoyRun) remove(ctx context.Context) error {
	return removeAll(ctx, r.options.suite.rest, r.options.namespace, r.options.suite.namespaces)
}

// removeAll removes Sonobuoy's run first, so that its plugin can clean up
// itself and makes nothing new, and then sweeps.
func removeAll(ctx context.Context, config *rest.Config, sonobuoyNS string, namespaces []string) error {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	var errs []error
	if err := removeSonobuoy(ctx, kube, sonobuoyNS); err != nil {
		errs = append(errs, fmt.Errorf("remove Sonobuoy's run from namespace %s: %w", sonobuoyNS, err))
	}
	var there []string
	for _, ns := range namespaces {
		if _, err := kube.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			there = append(there, ns)
		}
	}
	for _, l := range cluster.Sweep(ctx, dyn, there, "") {
		errs = append(errs, fmt.Errorf("%s in the tenant namespaces, %d seen last: %s", l.Resource, l.Count, l.Reason))
	}
	for _, l := range cluster.SweepPrivileged(ctx, dyn) {
		errs = append(errs, fmt.Errorf("%s in the namespace %s, %d seen last: %s", l.Resource, cluster.PrivilegedNamespace, l.Count, l.Reason))
	}
	for _, l := range cluster.SweepFresh(ctx, kube) {
		errs = append(errs, fmt.Errorf("fresh namespaces bvc-fresh-*, %d seen last: %s", l.Count, l.Reason))
	}
	return errors.Join(errs...)
}

func removeSonobuoy(ctx context.Context, kube kubernetes.Interface, ns string) error {
	selected := metav1.ListOptions{LabelSelector: "component=sonobuoy"}
	core := kube.CoreV1()
	// The plugin's pod first and with its grace period: it removes its own objects.
	if err := core.Pods(ns).DeleteCollection(ctx, metav1.DeleteOptions{}, selected); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if _, err := wait.For(ctx, pluginGrace, "Sonobuoy's pods to end",
		func(ctx context.Context) (int, error) {
			l, err := core.Pods(ns).List(ctx, selected)
			if err != nil {
				return 0, err
			}
			return len(l.Items), nil
		},
		func(n int) (bool, string) { return n == 0, fmt.Sprintf("%d still there", n) }); err != nil {
		return err
	}
	for _, name := range []string{"sonobuoy-config-cm", "sonobuoy-plugins-cm", "plugin-bvc-cm"} {
		if err := core.ConfigMaps(ns).Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	if err := core.Services(ns).Delete(ctx, "sonobuoy-aggregator", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}
