package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/spec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/rollup"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Ways a run can go (v1alpha1.Run.Via).
const (
	viaSonobuoy = "sonobuoy"
	viaDirect   = "direct"
)

// suite says what to conduct.
type suite struct {
	rest       *rest.Config
	site       site
	image      string
	coldImage  string
	namespaces []string
	filter     string
	timeout    time.Duration
	qps        float32
	via        string
	arguments  []string
	progress   func(spec.Progress)
	log        io.Writer
}

// parallelWeight bounds the probes that run at once: enough for the longest of
// them to hide the others, few enough for a small cluster's API server.
const parallelWeight = 4

// conduct runs the suite and returns its documents. It returns them also when
// the context ends early; then they say so. An error means that nothing could
// be looked at.
func conduct(ctx context.Context, s suite) (v1alpha1.ConformanceReport, v1alpha1.Evidence, error) {
	var report v1alpha1.ConformanceReport
	var evidence v1alpha1.Evidence
	cat, err := loadCatalogue()
	if err != nil {
		return report, evidence, err
	}
	checks := check.Default.Checks()
	selected, err := spec.Select(checks, levels(cat), s.filter)
	if err != nil {
		return report, evidence, &exitError{exitUsage, err}
	}
	runID, err := cluster.NewRunID()
	if err != nil {
		return report, evidence, toolFailed(err)
	}
	run := v1alpha1.Run{ID: runID, StartedAt: now(), Via: s.via, Mode: "prepared", Filter: s.filter, Arguments: s.arguments}
	env, err := cluster.New(ctx, cluster.Config{
		Rest: s.rest, RunID: runID, Image: s.image, ColdImage: s.coldImage, Signatures: signedImages(s.site.Images), Namespaces: s.namespaces,
		Ports: platformPorts(s.site.Site), OnlyTR02102Suites: s.site.OnlyTR02102Suites, QPS: s.qps, Version: version,
	})
	if err != nil {
		return report, evidence, usageError("reach the cluster: %w", err)
	}
	if s.via == viaSonobuoy && env.TenantIdentity != cluster.IdentityServiceAccount {
		// Inside the plugin the runner itself is nobody's tenant.
		return report, evidence, usageError("the runner gets no token of ServiceAccount %s/%s: apply plugins/bvc/rbac.yaml", s.namespaces[0], cluster.TenantServiceAccount)
	}
	if err := needTenant(ctx, env); err != nil {
		return report, evidence, err
	}
	rights, err := env.Effective(ctx, declaredRights(checks))
	if err != nil {
		return report, evidence, usageError("reach the cluster: %w", err)
	}
	facts := env.Facts(ctx)
	facts.Rights = rights

	outcome, err := spec.Run(ctx, spec.Options{
		Checks: checks, Selected: selected, Levels: levels(cat), Missing: missingRights(selected, rights),
		Env: func(probe string) any { return env.For(probe) }, Concurrency: parallelWeight, Timeout: s.timeout,
		Progress: s.progress, Log: s.log, Now: now,
		Logf: func(format string, args ...any) { fmt.Fprintf(s.log, format+"\n", args...) },
	})
	// Not the run's context: it may be the one that was cancelled.
	run.Leftovers = env.Cleanup(context.WithoutCancel(ctx))
	if err != nil {
		return report, evidence, toolFailed(err)
	}
	run.FinishedAt, run.Interrupted, run.APIRequests, run.PeakMemoryBytes = now(), outcome.Interrupted, env.APIRequests(), peakMemory()
	report = compose(cat, s, run, facts, outcome.Results)
	evidence = v1alpha1.Evidence{
		TypeMeta: v1alpha1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.KindEvidence},
		RunID:    run.ID, Observations: outcome.Observations,
	}
	return report, evidence, nil
}

// needTenant refuses an administrator in the tenant's place: what a cluster lets
// its administrators do would be taken for what it lets tenants do.
func needTenant(ctx context.Context, env *cluster.Env) error {
	if env.TenantIdentity != cluster.IdentitySelf {
		return nil
	}
	administrator, err := env.Administrator(ctx)
	if err != nil {
		return usageError("reach the cluster: %w", err)
	}
	if !administrator {
		return nil
	}
	return usageError("the kubeconfig's user is an administrator, and there is no ServiceAccount %[1]s/%[2]s to act as a tenant; what administrators may do says nothing on tenants. Apply plugins/bvc/rbac.yaml, or, for each namespace of the run (here %[1]s):\n"+
		"  kubectl --namespace %[1]s create serviceaccount %[2]s\n"+
		"  kubectl --namespace %[1]s create rolebinding bvc-tenant --clusterrole edit --serviceaccount %[1]s:%[2]s", env.Namespaces[0], cluster.TenantServiceAccount)
}

func signedImages(i v1alpha1.SiteImages) cluster.SignedImages {
	return cluster.SignedImages{Signed: i.Signed, Unsigned: i.Unsigned, WrongKey: i.WrongKey, PullSecret: i.PullSecret, PlainHTTP: i.PlainHTTP, CA: i.RegistryCA}
}

// platformPorts is what the site says of the platform's own ports.
func platformPorts(s v1alpha1.Site) cluster.PlatformPorts {
	p := cluster.PlatformPorts{Declared: s.AllowedPorts != nil}
	for _, a := range s.AllowedPorts {
		if a.Protocol == v1alpha1.TCP {
			p.Allowed = append(p.Allowed, a.Port)
		}
	}
	at := func(address string, port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }
	for _, t := range s.ManagementTargets {
		p.Management = append(p.Management, at(t.Address, t.Port))
	}
	if c := s.EgressCanary; c != nil {
		p.Canary = at(c.Address, c.Port)
	}
	return p
}

// nothing composes the documents of a run that could not look at anything.
func nothing(s suite, cause error) (v1alpha1.ConformanceReport, v1alpha1.Evidence, error) {
	cat, err := loadCatalogue()
	if err != nil {
		return v1alpha1.ConformanceReport{}, v1alpha1.Evidence{}, err
	}
	runID, err := cluster.NewRunID()
	if err != nil {
		return v1alpha1.ConformanceReport{}, v1alpha1.Evidence{}, toolFailed(err)
	}
	at := now()
	run := v1alpha1.Run{ID: runID, StartedAt: at, FinishedAt: at, Via: s.via, Mode: "prepared", Filter: s.filter, Arguments: s.arguments, Interrupted: true}
	why := v1alpha1.Plain(cause.Error(), 300)
	if s.site.ProtectionNeed.Validate() != nil {
		// The site file could not be read. A report names a protection need in
		// any case; of a site that is not known it is the stricter one.
		s.site = site{Site: v1alpha1.Site{Name: "unknown", Organisation: "unknown", ProtectionNeed: v1alpha1.NeedVeryHigh}}
	}
	var results []v1alpha1.Result
	for _, c := range check.Default.Checks() {
		results = append(results, v1alpha1.Result{CheckID: c.ID, Outcome: v1alpha1.NotRun,
			Reason: v1alpha1.T("Der Lauf kam nicht zustande: "+why, "The run did not come about: "+why)})
	}
	facts := v1alpha1.ClusterFacts{Distribution: "unknown", KubernetesVersion: "unknown", TenantIdentity: "unknown",
		Nodes: []v1alpha1.NodeGroup{}, CNI: []string{}, PolicyEngines: []string{}, Storage: []v1alpha1.StorageClass{}, Rights: []v1alpha1.RightState{}}
	return compose(cat, s, run, facts, results), v1alpha1.Evidence{
		TypeMeta: v1alpha1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.KindEvidence},
		RunID:    run.ID, Observations: []v1alpha1.Observation{},
	}, nil
}

func compose(cat v1alpha1.Catalogue, s suite, run v1alpha1.Run, facts v1alpha1.ClusterFacts, results []v1alpha1.Result) v1alpha1.ConformanceReport {
	statements, requirements := rollup.Roll(cat, results, s.site.ProtectionNeed, s.site.Answers, run.StartedAt)
	return v1alpha1.ConformanceReport{
		TypeMeta: v1alpha1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.KindConformanceReport},
		Suite:    v1alpha1.Suite{Version: version, Commit: commit, CatalogueDigest: cat.Digest, Image: s.image},
		Site:     s.site.summary(), Cluster: facts, Run: run, Results: results,
		Statements: statements, Requirements: requirements,
		Conclusion: rollup.Conclude(cat, results, statements, requirements, run.Complete() && len(run.Leftovers) == 0),
		Answers:    s.site.Answers, Waivers: s.site.Waivers,
	}
}

// missingRights gives, by probe, the declared rights that the run lacks.
func missingRights(checks []*check.Check, states []v1alpha1.RightState) map[string][]string {
	granted := map[string]bool{}
	for _, s := range states {
		granted[s.Right] = s.Granted
	}
	missing := map[string][]string{}
	for _, p := range check.Probes(checks) {
		for _, r := range p.Needs {
			if !r.Optional && !granted[r.String()] {
				missing[p.Name] = append(missing[p.Name], r.String())
			}
		}
	}
	return missing
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// peakMemory reads the highest resident set of this process, 0 where the
// system does not tell.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == "VmHWM:" {
			if kib, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
