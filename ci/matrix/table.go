package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Table is the truth table of one area, the file ci/matrix/AREA.json.
type Table struct {
	// Clusters has the profile whole first, as what the others are held against.
	Clusters []Row `json:"clusters"`
}

// Row is what the checks of the area said of one cluster.
type Row struct {
	// Name of the profile or of the violation.
	Name string `json:"name"`
	// Commit of the suite that measured it.
	Commit string `json:"commit"`
	// Date of the measurement.
	Date       string `json:"date"`
	Kubernetes string `json:"kubernetes"`
	// Breaks are the checks whose outcome is another than on the whole
	// profile, sorted; foretold (see rows) and then measured.
	Breaks []string `json:"breaks"`
	// Outcomes of every check of the area.
	Outcomes map[string]v1alpha1.Outcome `json:"outcomes"`
	// Recorded are checks with outcomes that no cluster here can produce.
	Recorded []string `json:"recorded"`
}

// whole is the profile that the other profiles are held against. A violation is
// held against the profile that it breaks.
const whole = "conformant"

// spec is a cluster to measure: a profile as it is, or with one thing broken.
type spec struct {
	name    string
	profile string
	// violation is a folder under kind/violations, empty for the profile as it is.
	violation string
	// areas in which it is measured, all when empty.
	areas []check.Area
	// breaks are the checks whose outcome will be another than on the base.
	breaks []string
}

// base is the name of the row that this one is held against.
func (s spec) base() string {
	if s.violation != "" {
		return s.profile
	}
	return whole
}

// Check IDs of the table below.
const (
	privilegedPod   = "SYS.1.6.A17/privileged-pod-rejected"
	foreignRegistry = "SYS.1.6.A6/foreign-registry-rejected"
	writableRoot    = "SYS.1.6.A23/writable-root-filesystem-rejected"
	networkPolicy   = "APP.4.4.A7/network-policy-enforced"
	startTime       = "SOUVAP.7.2.2.2/container-start-60s"
	secretsAtRest   = "SYS.1.6.A8/secrets-encrypted-at-rest"
)

// podSecurity are the rules on pods that Pod Security knows, otherRules those
// that it does not.
var (
	podSecurity = []string{
		privilegedPod, "APP.4.4.A4/host-namespaces-rejected", "APP.4.4.A7/host-ports-rejected", "SYS.1.6.A17/added-capabilities-rejected",
		"SYS.1.6.A17/privilege-escalation-rejected", "SYS.1.6.A18/root-user-rejected", "SYS.1.6.A19/host-path-rejected",
		"SYS.1.6.A21/apparmor-unconfined-rejected", "SYS.1.6.A21/seccomp-unconfined-rejected", "SYS.1.6.A21/selinux-options-rejected",
		"SYS.1.6.A21/unmasked-proc-rejected", "SYS.1.6.A21/unsafe-sysctls-rejected",
	}
	otherRules = []string{
		foreignRegistry, writableRoot, "APP.4.4.A11/missing-health-probes-rejected", "APP.4.4.A9/default-service-account-rejected",
		"SYS.1.6.A14/image-pull-always", "SYS.1.6.A15/missing-resources-rejected", "SYS.1.6.A18/root-group-rejected",
	}
)

// signatures are the checks of what an image's signature decides.
var signatures = []string{
	"SOUVAP.7.3.3.7/unsigned-image-never-runs", "SOUVAP.7.3.3.7/unsigned-image-never-runs-in-ephemeral-containers",
	"SOUVAP.7.3.3.7/foreign-signature-never-runs", "SOUVAP.7.3.3.7/foreign-signature-never-runs-in-ephemeral-containers",
}

// Checks of the admission as a whole.
const (
	canLift       = "APP.4.4.A3/tenant-can-not-lift-rules"
	canExempt     = "APP.4.4.A3/tenant-can-not-exempt-itself"
	onlyReported  = "APP.4.4.A13/rules-enforced-not-only-reported"
	freshUnguided = "APP.4.4.A13/fresh-namespace-secure-by-default"
)

// betweenNodes are the checks of what leaves a node for another one.
var betweenNodes = []string{
	"SOUVAP.7.2.5/pod-to-pod-encrypted-between-nodes", "SOUVAP.7.3.3.4.1/pod-to-service-encrypted-between-nodes", "SOUVAP.7.3.3.11/host-to-host-encrypted",
}

// ways are the checks of rules on every way by which a pod comes in, from the
// ID of the rule's first check (admission.Rule.Checks).
func ways(first ...string) []string {
	var all []string
	for _, id := range first {
		stem := strings.TrimSuffix(strings.TrimSuffix(id, "-rejected"), "-pod")
		for _, c := range check.Default.Checks() {
			if c.ID == id || strings.HasPrefix(c.ID, stem+"-in-") || strings.HasPrefix(c.ID, stem+"-by-") {
				all = append(all, c.ID)
			}
		}
	}
	return all
}

// specs are foretold by hand; what is measured has to agree. Of two violations
// of a profile that follow on each other the second leaves whole what the first
// breaks, or some of it: its row shows that the first was reverted.
var specs = []spec{
	{name: whole, profile: whole},
	{name: "privileged-allowed", profile: whole, violation: "privileged-allowed", areas: admissionOnly, breaks: append(ways(podSecurity...), onlyReported)},
	{name: "registries-audited-only", profile: whole, violation: "registries-audited-only", areas: admissionOnly, breaks: append(ways(foreignRegistry), onlyReported, freshUnguided)},
	{name: "init-containers-forgotten", profile: whole, violation: "init-containers-forgotten", areas: admissionOnly, breaks: []string{writableRoot}},
	{name: "tenant-relabels", profile: whole, violation: "tenant-relabels", areas: admissionOnly, breaks: []string{canLift}},
	{name: "one-repository-verified", profile: whole, violation: "one-repository-verified", areas: admissionOnly, breaks: signatures},
	{name: "network-broken", profile: whole, violation: "network-broken", areas: networkOnly, breaks: checksOf(check.Network)},
	{name: "policy-agent-stopped", profile: whole, violation: "policy-agent-stopped", areas: networkOnly, breaks: append(segmentation(), networkPolicy)},
	{name: "same-node-forgotten", profile: whole, violation: "same-node-forgotten", areas: networkOnly, breaks: []string{networkPolicy}},
	{name: "egress-forgotten", profile: whole, violation: "egress-forgotten", areas: networkOnly, breaks: []string{egressPolicy, denyOutgoing}},
	{name: "udp-forgotten", profile: whole, violation: "udp-forgotten", areas: networkOnly, breaks: []string{udpPolicy, denyBetween, denyWithin, denyOutgoing, denyFresh}},
	{name: "no-default-deny", profile: whole, violation: "no-default-deny", areas: networkOnly, breaks: []string{denyBetween, denyWithin, denyOutgoing, denyFresh}},
	{name: "plain-node-path", profile: whole, violation: "plain-node-path", areas: networkOnly, breaks: betweenNodes},
	{name: "control-plane-exempt", profile: whole, violation: "control-plane-exempt", areas: networkOnly, breaks: betweenNodes[2:]},
	{name: "etcd-open", profile: whole, violation: "etcd-open", areas: networkOnly, breaks: []string{etcdFromPods}},
	{name: "kubelet-anonymous", profile: whole, violation: "kubelet-anonymous", areas: networkOnly, breaks: []string{kubeletAnonymous}},
	{name: "api-server-tls-1.0", profile: whole, violation: "api-server-tls-1.0", areas: networkOnly, breaks: []string{apiServerTLS}},
	{name: "others-tls-1.0", profile: whole, violation: "others-tls-1.0", areas: networkOnly, breaks: []string{kubeletTLS, controlPlaneTLS, extensionTLS}},
	{name: "slow-readiness", profile: whole, violation: "slow-readiness", areas: []check.Area{check.Lifecycle}, breaks: []string{startTime}},
	{name: "identity-first", profile: whole, violation: "identity-first", areas: []check.Area{check.Data}, breaks: []string{secretsAtRest}},
	{name: "native", profile: "native", areas: admissionOnly, breaks: signatures},
	{name: "admits-at-random", profile: "native", violation: "admits-at-random", areas: admissionOnly, // Whom a webhook of one's own spares nobody can read.
		breaks: append(ways(podSecurity...), onlyReported, canExempt)},
	{name: "kyverno", profile: "kyverno", areas: admissionOnly},
	{name: "engine-down-fail", profile: "kyverno", violation: "engine-down-fail", areas: admissionOnly, breaks: append(everythingOnPods(), freshUnguided, canExempt, canLift)},
	{name: "engine-down-ignore", profile: "kyverno", violation: "engine-down-ignore", areas: admissionOnly, breaks: append(everythingOnPods(), freshUnguided, canExempt)},
	{name: "rejects-every-pod", profile: "kyverno", violation: "rejects-every-pod", areas: admissionOnly, breaks: append(everythingOnPods(), canExempt, canLift)},
	{name: "name-exempts", profile: "kyverno", violation: "name-exempts", areas: admissionOnly, breaks: []string{canExempt}},
	{name: "ephemeral-containers-forgotten", profile: "kyverno", violation: "ephemeral-containers-forgotten", areas: admissionOnly,
		// A privileged container is always one that may escalate: both rules are broken.
		breaks: []string{"SYS.1.6.A17/privileged-in-ephemeral-containers-rejected", "SYS.1.6.A17/privilege-escalation-in-ephemeral-containers-rejected"}},
	{name: "controllers-exempt", profile: "kyverno", violation: "controllers-exempt", areas: admissionOnly,
		breaks: []string{"SYS.1.6.A17/privileged-in-workloads-rejected", "SYS.1.6.A17/privilege-escalation-in-workloads-rejected"}},
	{name: "label-exempts", profile: "kyverno", violation: "label-exempts", areas: admissionOnly, breaks: []string{canExempt}},
	// Where nothing binds pods there is nothing to be exempt from; where nothing extends the API nothing has to speak TLS.
	{name: "vanilla", profile: "vanilla", breaks: slices.Concat(everythingOnPods(), segmentation(), betweenNodes, platformPorts, []string{extensionTLS, keyLengths, freshUnguided, canExempt, networkPolicy, denyFresh, secretsAtRest})},
}

var (
	admissionOnly = []check.Area{check.Admission}
	networkOnly   = []check.Area{check.Network}
)

// Checks of the segmentation probe that violations name one by one.
const (
	egressPolicy = "APP.4.4.A7/egress-policy-enforced"
	udpPolicy    = "APP.4.4.A7/network-policy-enforced-for-udp"
	denyBetween  = "APP.4.4.A7/default-deny-between-namespaces"
	denyWithin   = "APP.4.4.A18/default-deny-within-namespace"
	denyOutgoing = "SYS.1.6.A5/default-deny-outgoing"
	denyFresh    = "APP.4.4.A7/fresh-namespace-default-deny"
)

// Checks of TLS.
const (
	apiServerTLS    = "SOUVAP.7.3.3.11/api-server-tls"
	kubeletTLS      = "SOUVAP.7.3.3.11/kubelet-tls"
	controlPlaneTLS = "SOUVAP.7.3.3.11/control-plane-tls"
	extensionTLS    = "APP.4.4.A12/api-extension-tls"
	keyLengths      = "SOUVAP.7.3.3.14.1/certificate-keys-long-enough"
)

// Checks of the platform's own ports.
const (
	managementPorts   = "APP.4.4.A7/management-ports-unreachable-from-pods"
	etcdFromPods      = "APP.4.4.A7/etcd-unreachable-from-pods"
	kubeletAnonymous  = "APP.4.4.A7/kubelet-refuses-without-credentials"
	apiServerDeclared = "APP.4.4.A7/api-server-reachable-as-declared"
	nodesInternet     = "SOUVAP.7.3.3.10/privileged-pods-no-internet"
)

// platformPorts are those of them that a cluster breaks which filters nothing.
// Its kubelets want credentials.
var platformPorts = []string{managementPorts, etcdFromPods, apiServerDeclared, nodesInternet}

// segmentation are all checks of that probe.
func segmentation() []string {
	var all []string
	for _, c := range check.Default.Checks() {
		if len(c.Probes) == 1 && c.Probes[0].Name == "segmentation" {
			all = append(all, c.ID)
		}
	}
	return all
}

// everythingOnPods are all checks that look at what keeps pods out of the tenant namespaces.
func everythingOnPods() []string {
	return slices.Concat(ways(podSecurity...), ways(otherRules...), signatures, []string{onlyReported})
}

// areas that have registered checks, in the order of design.md.
func areas() []check.Area {
	var out []check.Area
	for _, a := range []check.Area{check.Admission, check.Network, check.Data, check.Lifecycle, check.IdentityArea, check.Nodes} {
		if len(checksOf(a)) > 0 {
			out = append(out, a)
		}
	}
	return out
}

// checksOf are the IDs of the registered checks of an area, sorted.
func checksOf(a check.Area) []string {
	var out []string
	for _, c := range check.Default.Checks() {
		if c.Area == a {
			out = append(out, c.ID)
		}
	}
	return out
}

// recorded are the checks of an area with outcomes that are only recorded.
func recorded(a check.Area) []string {
	out := []string{}
	for _, c := range check.Default.Checks() {
		if c.Area == a && c.Recorded != "" {
			out = append(out, c.ID)
		}
	}
	return out
}

// specsOf are the clusters of an area.
func specsOf(a check.Area) []spec {
	var out []spec
	for _, s := range specs {
		if len(s.areas) == 0 || slices.Contains(s.areas, a) {
			s.breaks = slices.DeleteFunc(slices.Clone(s.breaks), func(id string) bool { return !slices.Contains(checksOf(a), id) })
			out = append(out, s)
		}
	}
	return out
}

// changed are the checks whose outcome differs, sorted.
func changed(from, to map[string]v1alpha1.Outcome) []string {
	out := []string{}
	for id, o := range to {
		if from[id] != o {
			out = append(out, id)
		}
	}
	for id := range from {
		if _, there := to[id]; !there {
			out = append(out, id)
		}
	}
	sort.Strings(out)
	return out
}

// verify lists what is wrong with the table of an area.
func verify(t Table, a check.Area) []string {
	var wrong []string
	if len(t.Clusters) == 0 || t.Clusters[0].Name != whole {
		return []string{fmt.Sprintf("the first cluster is not %s", whole)}
	}
	bases := map[string]string{}
	for _, s := range specs {
		bases[s.name] = s.base()
	}
	outcomes := map[string]map[string]v1alpha1.Outcome{}
	for _, row := range t.Clusters {
		outcomes[row.Name] = row.Outcomes
	}
	seen := map[string]bool{}
	got := map[string]map[v1alpha1.Outcome]bool{}
	for _, row := range t.Clusters {
		if seen[row.Name] {
			wrong = append(wrong, row.Name+" is there twice")
		}
		seen[row.Name] = true
		if row.Commit == "" || row.Date == "" || row.Kubernetes == "" {
			wrong = append(wrong, row.Name+": commit, date or version of Kubernetes is missing")
		}
		for _, id := range checksOf(a) {
			o, there := row.Outcomes[id]
			if !there {
				wrong = append(wrong, fmt.Sprintf("%s: the registered check %s is missing", row.Name, id))
				continue
			}
			if o.Validate() != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %s: outcome %q", row.Name, id, o))
			}
			if got[id] == nil {
				got[id] = map[v1alpha1.Outcome]bool{}
			}
			got[id][o] = true
		}
		for id := range row.Outcomes {
			if !slices.Contains(checksOf(a), id) {
				wrong = append(wrong, fmt.Sprintf("%s: %s is no registered check of the area", row.Name, id))
			}
		}
		if is := changed(outcomes[bases[row.Name]], row.Outcomes); !slices.Equal(is, row.Breaks) {
			wrong = append(wrong, fmt.Sprintf("%s: breaks %q, but the outcomes of %q differ from %s", row.Name, row.Breaks, is, bases[row.Name]))
		}
		if !slices.Equal(recorded(a), row.Recorded) {
			wrong = append(wrong, fmt.Sprintf("%s: recorded %q, want %q", row.Name, row.Recorded, recorded(a)))
		}
	}
	for _, s := range specsOf(a) {
		if !seen[s.name] {
			wrong = append(wrong, s.name+" is not measured")
		}
	}
	for _, id := range checksOf(a) {
		for _, o := range []v1alpha1.Outcome{v1alpha1.Pass, v1alpha1.Fail} {
			if !got[id][o] && !slices.Contains(recorded(a), id) {
				wrong = append(wrong, fmt.Sprintf("%s: no cluster shows %s, and the check does not say why that can only be recorded", id, o))
			}
		}
	}
	sort.Strings(wrong)
	return wrong
}

func fileOf(folder string, a check.Area) string {
	return filepath.Join(folder, string(a)+".json")
}

func load(folder string, a check.Area) (Table, error) {
	var t Table
	data, err := os.ReadFile(fileOf(folder, a))
	if err != nil {
		return t, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, fmt.Errorf("%s: %w", fileOf(folder, a), err)
	}
	return t, nil
}

// put replaces the row of that name and keeps the order of specs.
func (t *Table) put(row Row, a check.Area) {
	rows := map[string]Row{row.Name: row}
	for _, r := range t.Clusters {
		if r.Name != row.Name {
			rows[r.Name] = r
		}
	}
	t.Clusters = nil
	for _, s := range specsOf(a) {
		if r, there := rows[s.name]; there {
			t.Clusters = append(t.Clusters, r)
		}
	}
}

func (t Table) save(folder string, a check.Area) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(fileOf(folder, a), append(data, '\n'), 0o644)
}
