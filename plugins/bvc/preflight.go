package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// reachTimeout bounds the first request: a wrong address must be told at once.
const reachTimeout = 15 * time.Second

// reachable asks the API server for its version.
func reachable(ctx context.Context, config *rest.Config) error {
	c := rest.CopyConfig(config)
	c.Timeout = reachTimeout
	client, err := kubernetes.NewForConfig(c)
	if err != nil {
		return usageError("make a client from the kubeconfig: %w", err)
	}
	var body []byte
	body, err = client.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx)
	switch {
	case err == nil && json.Valid(body):
		return nil
	case err == nil:
		return usageError("%s answers, but is no Kubernetes API server", config.Host)
	case apierrors.IsUnauthorized(err):
		return usageError("the cluster at %s does not accept the kubeconfig's credentials; renew them", config.Host)
	case ctx.Err() != nil:
		return &exitError{exitInconclusive, errors.New("interrupted")}
	}
	var network net.Error
	var dial *url.Error
	if errors.As(err, &dial) || errors.As(err, &network) {
		return usageError("the cluster at %s can not be reached: %w\nCheck the kubeconfig, its context and the way to the API server", config.Host, err)
	}
	return usageError("ask the cluster at %s for its version: %w", config.Host, err)
}

// needNamespaces demands what rbac.yaml prepares.
func needNamespaces(ctx context.Context, config *rest.Config, names []string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return usageError("make a client from the kubeconfig: %w", err)
	}
	var missing []string
	for _, ns := range names {
		if _, err := client.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			missing = append(missing, ns)
		}
	}
	if len(missing) > 0 {
		return usageError("the namespaces %s do not exist: apply plugins/bvc/rbac.yaml, or make them the way you make namespaces for tenants", strings.Join(missing, ", "))
	}
	return nil
}

// preflightRun checks before anything is created what a run through Sonobuoy
// needs of the person who starts it.
func preflightRun(ctx context.Context, client kubernetes.Interface, o runOptions) error {
	if err := reachable(ctx, o.suite.rest); err != nil {
		return err
	}
	if err := needNamespaces(ctx, o.suite.rest, append([]string{o.namespace}, o.suite.namespaces...)); err != nil {
		return err
	}
	missing, err := missingForRun(ctx, client, o.namespace)
	if err != nil {
		return usageError("ask for the rights of the kubeconfig: %w", err)
	}
	if len(missing) > 0 {
		return usageError("the kubeconfig's user lacks rights in namespace %s: %s\nUse one that has them, or run with --via direct", o.namespace, strings.Join(missing, ", "))
	}
	for _, account := range [][2]string{{o.namespace, runnerAccount}, {o.namespace, aggregatorAccount}, {o.suite.namespaces[0], cluster.TenantServiceAccount}} {
		if _, err := client.CoreV1().ServiceAccounts(account[0]).Get(ctx, account[1], metav1.GetOptions{}); apierrors.IsNotFound(err) {
			return usageError("ServiceAccount %s/%s does not exist: apply plugins/bvc/rbac.yaml", account[0], account[1])
		}
	}
	pods, err := client.CoreV1().Pods(o.namespace).List(ctx, metav1.ListOptions{LabelSelector: "component=sonobuoy"})
	if err != nil {
		return usageError("look for another run in namespace %s: %w", o.namespace, err)
	}
	if len(pods.Items) > 0 {
		return usageError("a Sonobuoy run is already in namespace %s; await it, or remove it with: bvc cleanup", o.namespace)
	}
	return nil
}

// missingForRun gives the rights that starting and fetching a run needs and the user lacks.
func missingForRun(ctx context.Context, client kubernetes.Interface, ns string) ([]string, error) {
	var missing []string
	for _, need := range [][2]string{{"create", "pods"}, {"get", "pods"}, {"list", "pods"}, {"deletecollection", "pods"}, {"create", "configmaps"}, {"delete", "configmaps"},
		{"create", "services"}, {"delete", "services"}, {"create", "pods/exec"}} {
		resource, sub, _ := strings.Cut(need[1], "/")
		allowed, err := cluster.MayOf(ctx, client, authorizationv1.ResourceAttributes{Namespace: ns, Verb: need[0], Resource: resource, Subresource: sub})
		if err != nil {
			return nil, err
		}
		if !allowed {
			missing = append(missing, need[0]+" "+need[1])
		}
	}
	return missing, nil
}

func preflightCommand() *cobra.Command {
	var a access
	var siteFile, format string
	var namespaces []string
	c := &cobra.Command{
		Use: "preflight", Short: "Check the site file and the rights without running anything", Args: noArguments,
		Long: `Checks the site file (every mistake with its place; what has expired or soon will), and asks the cluster which of the
declared rights the runner would have, and what each missing one costs. Nothing is created. With the kubeconfig's own
rights this is what --via direct would find.`,
		Example: "  bvc preflight --site site.yaml\n  bvc preflight --site site.yaml --kubeconfig cluster.kubeconfig -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usageError("-o %q: it is text or json", format)
			}
			var found survey
			if siteFile != "" {
				s, err := readSite(siteFile)
				if err != nil {
					return err
				}
				cat, err := loadCatalogue()
				if err != nil {
					return err
				}
				v := s.survey(siteFile, cat, now())
				found.Site = &v
				if format == "text" {
					// Said even when the cluster can not be reached.
					v.print(c.OutOrStdout())
				}
			}
			config, err := a.config()
			if err != nil {
				return err
			}
			if err := reachable(c.Context(), config); err != nil {
				return err
			}
			return preflight(c.Context(), config, namespaces, found, format, c.OutOrStdout())
		},
	}
	a.flags(c)
	c.Flags().StringVar(&siteFile, "site", "", "site file to check")
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	c.Flags().StringSliceVar(&namespaces, "tenant-namespaces", cluster.TenantNamespaces(), "prepared namespaces")
	return c
}

// survey is what preflight found.
type survey struct {
	// Site is nil when no site file was given.
	Site           *siteSurvey `json:"site,omitempty"`
	TenantIdentity string      `json:"tenantIdentity"`
	Rights         []rightCost `json:"rights"`
}

// rightCost is one declared right, whether it is there, and the checks that
// are not run without it.
type rightCost struct {
	Right   string   `json:"right"`
	Granted bool     `json:"granted"`
	Checks  []string `json:"checks"`
}

func preflight(ctx context.Context, config *rest.Config, namespaces []string, found survey, format string, w io.Writer) error {
	if err := needNamespaces(ctx, config, namespaces); err != nil {
		return err
	}
	checks := check.Default.Checks()
	env, err := cluster.New(ctx, cluster.Config{Rest: config, RunID: "preflight", Namespaces: namespaces, QPS: 20, Version: version})
	if err != nil {
		return usageError("reach the cluster: %w", err)
	}
	if err := needTenant(ctx, env); err != nil {
		return err
	}
	states, err := env.Effective(ctx, declaredRights(checks))
	if err != nil {
		return usageError("reach the cluster: %w", err)
	}
	found.TenantIdentity, found.Rights = env.TenantIdentity, make([]rightCost, 0, len(states))
	// A site that leaves out what it may choose has prepared what it must.
	chosen := map[string]bool{}
	for _, r := range declaredRights(checks) {
		chosen[r.String()] = r.Optional || r.OptIn != ""
	}
	complete := true
	for _, s := range states {
		cost := rightCost{Right: s.Right, Granted: s.Granted, Checks: []string{}}
		for _, k := range checks {
			for _, p := range k.Probes {
				for _, r := range p.Needs {
					if r.String() == s.Right && !r.Optional {
						cost.Checks = append(cost.Checks, k.ID)
					}
				}
			}
		}
		sort.Strings(cost.Checks)
		complete = complete && (s.Granted || chosen[s.Right])
		found.Rights = append(found.Rights, cost)
	}
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(found); err != nil {
			return toolFailed(err)
		}
	} else {
		for _, c := range found.Rights {
			mark := "yes"
			if !c.Granted {
				mark = "NO "
			}
			fmt.Fprintf(w, "%s  %s\n", mark, c.Right)
			if !c.Granted && len(c.Checks) > 0 {
				fmt.Fprintf(w, "     without it: %s\n", strings.Join(c.Checks, ", "))
			}
		}
		fmt.Fprintf(w, "tenant: %s\n", env.TenantIdentity)
	}
	if !complete {
		return &exitError{code: exitInconclusive}
	}
	return nil
}
