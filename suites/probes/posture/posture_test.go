package posture

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/admission"
)

func onPods(resources ...string) registrationv1.RuleWithOperations {
	return registrationv1.RuleWithOperations{
		Operations: []registrationv1.OperationType{registrationv1.Create, registrationv1.Update},
		Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: resources},
	}
}

func TestRuleTakes(t *testing.T) {
	changed := func(change func(*registrationv1.RuleWithOperations)) registrationv1.RuleWithOperations {
		r := onPods("pods")
		change(&r)
		return r
	}
	inCluster := registrationv1.ClusterScope
	for name, c := range map[string]struct {
		rule            registrationv1.RuleWithOperations
		pods, ephemeral bool
	}{
		"pods":              {onPods("pods"), true, false},
		"both":              {onPods("pods", "pods/ephemeralcontainers"), true, true},
		"all resources":     {onPods("*"), true, false},
		"all of all":        {onPods("*/*"), true, true},
		"all subresources":  {onPods("pods/*"), false, true},
		"one of everything": {onPods("*/ephemeralcontainers"), false, true},
		"others":            {onPods("deployments", "pods/exec"), false, false},
		"any group":         {changed(func(r *registrationv1.RuleWithOperations) { r.APIGroups, r.APIVersions = []string{"*"}, []string{"*"} }), true, false},
		"another group":     {changed(func(r *registrationv1.RuleWithOperations) { r.APIGroups = []string{"apps"} }), false, false},
		"another version":   {changed(func(r *registrationv1.RuleWithOperations) { r.APIVersions = []string{"v2"} }), false, false},
		"any operation": {changed(func(r *registrationv1.RuleWithOperations) {
			r.Operations = []registrationv1.OperationType{registrationv1.OperationAll}
		}), true, false},
		"deletion": {changed(func(r *registrationv1.RuleWithOperations) {
			r.Operations = []registrationv1.OperationType{registrationv1.Delete}
		}), false, false},
		"cluster": {changed(func(r *registrationv1.RuleWithOperations) { r.Scope = &inCluster }), false, false},
	} {
		if got := ruleTakes(c.rule, registrationv1.Create, "pods", ""); got != c.pods {
			t.Errorf("%s: takes pods: %t", name, got)
		}
		if got := ruleTakes(c.rule, registrationv1.Update, "pods", "ephemeralcontainers"); got != c.ephemeral {
			t.Errorf("%s: takes ephemeral containers: %t", name, got)
		}
	}
}

// Whom a rule looks at: its scope and that of its binding, the labels of each
// namespace, and those of a pod.
func TestAdd(t *testing.T) {
	namespaces := []map[string]string{{"kubernetes.io/metadata.name": "a", "team": "x"}, {"kubernetes.io/metadata.name": "b"}}
	pod := map[string]string{"app": "bvc"}
	pods := []registrationv1.RuleWithOperations{onPods("pods")}
	selector := func(key string, op metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: op, Values: values}}}
	}
	for name, c := range map[string]struct {
		scopes            []scope
		namespaces, other int
		candidates        string
	}{
		"all":                    {[]scope{{rules: pods}}, 2, 0, ""},
		"no pods":                {[]scope{{rules: []registrationv1.RuleWithOperations{onPods("services")}}}, 0, 0, ""},
		"one namespace":          {[]scope{{rules: pods, namespaces: selector("team", metav1.LabelSelectorOpExists)}}, 1, 0, ""},
		"no namespace":           {[]scope{{rules: pods, namespaces: selector("team", metav1.LabelSelectorOpIn, "y")}}, 0, 1, ""},
		"binding narrows":        {[]scope{{rules: pods}, {rules: pods, namespaces: selector("team", metav1.LabelSelectorOpDoesNotExist)}}, 1, 0, ""},
		"binding of other rules": {[]scope{{rules: pods}, {rules: []registrationv1.RuleWithOperations{onPods("services")}}}, 0, 0, ""},
		"excluded":               {[]scope{{rules: pods, except: pods}}, 0, 0, ""},
		"asks for a label":       {[]scope{{rules: pods, objects: selector("guard", metav1.LabelSelectorOpExists)}}, 0, 1, ""},
		"spares a label":         {[]scope{{rules: pods, objects: selector("exempt", metav1.LabelSelectorOpDoesNotExist)}}, 2, 0, "exempt=true"},
		"spares a value":         {[]scope{{rules: pods, objects: selector("exempt", metav1.LabelSelectorOpNotIn, "yes", "no")}}, 2, 0, "exempt=no exempt=yes"},
		"spares by a condition":  {[]scope{{rules: pods, conditions: []registrationv1.MatchCondition{{Expression: `!('exempt' in object.metadata.labels)`}}}}, 2, 0, "exempt=true"},
	} {
		t.Run(name, func(t *testing.T) {
			var s seen
			added := s.add(Rule{Kind: AdmissionPolicy}, namespaces, pod, c.scopes...)
			if added != (c.namespaces > 0) || s.other != c.other || added && s.rules[0].Namespaces != c.namespaces {
				t.Errorf("added %t: %+v", added, s)
			}
			if written(s.candidates) != c.candidates {
				t.Errorf("candidates %q, want %q", written(s.candidates), c.candidates)
			}
		})
	}
}

// A selector that a pod leaves by a candidate is really left.
func TestEscapeLeaves(t *testing.T) {
	for _, selector := range []metav1.LabelSelector{
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: metav1.LabelSelectorOpDoesNotExist}}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"x", "y"}}}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "a", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"x"}}, {Key: "b", Operator: metav1.LabelSelectorOpDoesNotExist}}},
	} {
		var c candidates
		c.escape(&selector)
		free, _ := c.sorted()
		if !selects(&selector, nil) || len(free) == 0 {
			t.Errorf("%v: %v", selector, free)
		}
		for _, l := range free {
			if selects(&selector, map[string]string{l.key: l.value}) {
				t.Errorf("%v does not leave %v", l, selector)
			}
		}
	}
}

func TestNamedInCEL(t *testing.T) {
	for expression, want := range map[string]struct {
		labels   string
		unsolved int
	}{
		`!has(object.metadata.labels) || object.metadata.labels["policy.example/exempt"] != "on"`:            {"policy.example/exempt=on policy.example/exempt=true", 0},
		`!('skip' in object.metadata.labels)`:                                                                {"skip=true", 0},
		`object.metadata.?labels[?'skip'].orValue('no') != 'yes'`:                                            {"skip=no skip=true skip=yes", 0},
		`object.metadata.labels.skip != 'yes'`:                                                               {"skip=true skip=yes", 0},
		`object.metadata.labels.skip != 'skip'`:                                                              {"skip=skip skip=true", 0},
		`!(object.metadata.labels['skip'] in ['a', "b"])`:                                                    {"skip=a skip=b skip=true", 0},
		`object.metadata.namespace != 'x' && object.metadata.labels['skip'] != 'yes'`:                        {"skip=true skip=x skip=yes", 0},
		`!object.metadata.?labels.orValue({}).exists(k, k == 'policy.example/exempt')`:                       {"", 1},
		`request.userInfo.username != 'system:serviceaccount:kube-system:x'`:                                 {"", 0},
		`object.metadata.labels["not a key!"] == "x"`:                                                        {"", 1},
		`object.metadata.labels.all(k, k.startsWith("x"))`:                                                   {"", 1},
		`object.metadata.name != 'x'`:                                                                        {"=x", 0},
		`!request.name.startsWith("debug-")`:                                                                 {"=debug-x", 0},
		`object.metadata.?name.orValue('') in ['a', "b"]`:                                                    {"=a =b", 0},
		`object.metadata.name != object.metadata.namespace`:                                                  {"", 1},
		`namespaceObject.metadata.name != 'x'`:                                                               {"", 0},
		`object.metadata.namespace != 'x'`:                                                                   {"", 0},
		`object.metadata.annotations["skip"] == "x"`:                                                         {"", 1},
		`namespaceObject.metadata.labels["skip"] == "x"`:                                                     {"", 0},
		`'exempt' in object.metadata.?labels || object.metadata.labels['exempt-2'] == "still a one"`:         {"exempt=true exempt-2=true", 0},
		`object.metadata.labels['app.kubernetes.io/managed-by'] == 'Helm' || object.metadata.labels.z == ''`: {"z=Helm z=true", 0},
	} {
		var c candidates
		c.named(expression)
		if got := written(c); got != want.labels || c.unsolved != want.unsolved {
			t.Errorf("%s: %q and %d unsolved, want %v", expression, got, c.unsolved, want)
		}
	}
}

// written are the labels that can be tried.
func written(c candidates) string {
	free, _ := c.sorted()
	words := make([]string, 0, len(free))
	for _, l := range free {
		words = append(words, l.key+"="+l.value)
	}
	return strings.Join(words, " ")
}

func TestPolicies(t *testing.T) {
	namespaces := []map[string]string{{"kubernetes.io/metadata.name": "tenant-a", "team": "x"}, {"kubernetes.io/metadata.name": "tenant-b"}}
	rule := func(match, rest string) string {
		return `{"spec":{"validationFailureAction":"Enforce","rules":[{"match":` + match + `,` + rest + `}]}}`
	}
	pods := `{"any":[{"resources":{"kinds":["Pod"]}}]}`
	audit := `"validate":{"failureAction":"Audit"}`
	constraints := `"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}]`
	for name, c := range map[string]struct {
		policy     string
		does       does
		candidates string
	}{
		"enforce":          {rule(pods, `"validate":{}`), enforces, ""},
		"older word":       {`{"spec":{"validationFailureAction":"enforce","rules":[{"match":{"resources":{"kinds":["Pod"]}},"validate":{}}]}}`, enforces, ""},
		"audit by default": {`{"spec":{"rules":[{"match":{"any":[{"resources":{"kinds":["Pod"]}}]},"validate":{}}]}}`, reports, ""},
		"the rule decides": {rule(pods, audit), reports, ""},
		"one of two rules": {`{"spec":{"rules":[{"match":` + pods + `,` + audit + `},{"match":` + pods + `,"preconditions":{},"validate":{"failureAction":"Enforce"}}]}}`, reports, ""},
		"of others":        {rule(`{"any":[{"resources":{"kinds":["Service"]}}]}`, audit), nothing, ""},
		"mutates":          {rule(pods, `"mutate":{}`), nothing, ""},
		"namespaces of others": {
			rule(`{"any":[{"resources":{"kinds":["Pod"],"namespaces":["kube-*","other"]}}]}`, audit), nothing, ""},
		"namespaces of the tenant": {
			rule(`{"any":[{"resources":{"kinds":["Pod"],"namespaces":["tenant-?"]}}]}`, audit), reports, ""},
		"selected namespaces":          {rule(`{"resources":{"kinds":["Pod"],"namespaceSelector":{"matchLabels":{"team":"x"}}}}`, audit), reports, ""},
		"selected namespaces of other": {rule(`{"resources":{"kinds":["Pod"],"namespaceSelector":{"matchLabels":{"team":"y"}}}}`, audit), nothing, ""},
		"kind and place apart":         {rule(`{"all":[{"resources":{"kinds":["Pod"]}},{"resources":{"namespaces":["tenant-a"]}}]}`, audit), reports, ""},
		"kind apart, place of others":  {rule(`{"all":[{"resources":{"kinds":["Pod"]}},{"resources":{"namespaces":["z"]}}]}`, audit), nothing, ""},
		"preconditions":                {rule(pods, `"preconditions":{"all":[{"key":"x"}]},`+audit), reportsPerhaps, ""},
		"excludes the tenant":          {rule(pods, `"exclude":{"any":[{"resources":{"namespaces":["tenant-*"]}}]},`+audit), reportsPerhaps, ""},
		"excludes others":              {rule(pods, `"exclude":{"any":[{"resources":{"namespaces":["kube-system"]}}]},`+audit), reports, ""},
		"spares a label":               {rule(pods, `"exclude":{"any":[{"resources":{"selector":{"matchLabels":{"exempt":"yes"}}}}]},"validate":{}`), enforces, "exempt=yes"},
		"spares a name":                {rule(pods, `"exclude":{"any":[{"resources":{"names":["debug-*"],"name":"shell"}}]},"validate":{}`), enforces, "=debug-x =shell"},
		"CEL denies":                   {`{"spec":{"validationActions":["Deny"],` + constraints + `}}}`, enforces, ""},
		"CEL audits":                   {`{"spec":{"validationActions":["Audit","Warn"],` + constraints + `}}}`, reports, ""},
		"CEL audits perhaps":           {`{"spec":{"validationActions":["Audit"],"matchConditions":[{"expression":"true"}],` + constraints + `}}}`, reportsPerhaps, ""},
		"CEL, other namespaces":        {`{"spec":{"validationActions":["Audit"],` + constraints + `,"namespaceSelector":{"matchLabels":{"team":"y"}}}}}`, nothing, ""},
		"CEL, others":                  {`{"spec":{"validationActions":["Audit"],"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["deployments"]}]}}}`, nothing, ""},
		"CEL spares a name": {`{"spec":{"validationActions":["Deny"],"matchConditions":[{"expression":"!object.metadata.name.startsWith('debug-')"}],` + constraints +
			`,"excludeResourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["*"],"resources":["pods"],"resourceNames":["shell"]}]}}}`, enforces, "=debug-x =shell"},
	} {
		var p policy
		if err := json.Unmarshal([]byte(c.policy), &p); err != nil {
			t.Fatal(name, err)
		}
		var found candidates
		p.exemptions(&found)
		if got := p.on(namespaces); got != c.does || written(found) != c.candidates {
			t.Errorf("%s: does %d, candidates %q, want %d, %q", name, got, written(found), c.does, c.candidates)
		}
	}
}

func TestExceptions(t *testing.T) {
	namespaces := []map[string]string{{"kubernetes.io/metadata.name": "tenant-a"}}
	for name, c := range map[string]struct{ exception, candidates string }{
		"by name":             {`{"spec":{"match":{"any":[{"resources":{"kinds":["Pod"],"names":["legacy-*"]}}]}}}`, "=legacy-x"},
		"by label":            {`{"spec":{"match":{"all":[{"resources":{"selector":{"matchLabels":{"legacy":"yes"}}}}]}}}`, "legacy=yes"},
		"of others":           {`{"spec":{"match":{"any":[{"resources":{"namespaces":["kube-system"],"names":["legacy-*"]}}]}}}`, ""},
		"of the tenant":       {`{"spec":{"match":{"any":[{"resources":{"namespaces":["tenant-*"],"names":["legacy"]}}]}}}`, "=legacy"},
		"by a CEL expression": {`{"spec":{"matchConditions":[{"expression":"object.metadata.name == 'legacy'"}]}}`, "=legacy"},
	} {
		var p policy
		if err := json.Unmarshal([]byte(c.exception), &p); err != nil {
			t.Fatal(name, err)
		}
		var found candidates
		p.spares(namespaces, &found)
		if written(found) != c.candidates {
			t.Errorf("%s: candidates %q, want %q", name, written(found), c.candidates)
		}
	}
}

// What a pattern makes is a name, and what the pattern means is true of it.
func TestNameLike(t *testing.T) {
	for pattern, want := range map[string]string{
		"debug": "debug", "debug-": "debug-x", "-debug": "x-debug", "debug-*": "debug-x", "a?c": "axc", "*": "x", "^debug-.*$": "debug-x",
		"": "", "^(a|b)$": "", "Not A Name": "", "tenant/debug": "",
	} {
		if got := nameLike(pattern); got != want {
			t.Errorf("%q: %q, want %q", pattern, got, want)
		}
	}
}

func TestGrowth(t *testing.T) {
	series := func(name, kind string, value float64) cluster.Series {
		return cluster.Series{Labels: map[string]string{"name": name, "type": kind}, Value: value}
	}
	before := cluster.Metrics{familyCalls: {series("ours", "validating", 10), series("ours", "admit", 5), series("another", "validating", 7)}}
	after := cluster.Metrics{
		familyCalls:    {series("ours", "validating", 14), series("ours", "admit", 9), series("another", "validating", 9)},
		familyFailOpen: {series("ours", "validating", 2), series("another", "validating", 3)},
	}
	want := Counters{CallsBefore: 10, Calls: 4, FailedOpen: 2}
	if got := growth(before, after, map[string]bool{"ours": true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, c := range map[string]struct {
		m    cluster.Metrics
		want bool
	}{
		"counted":               {after, true},
		"nothing switched off":  {cluster.Metrics{familyOff: {{Value: 0}}}, true},
		"something off":         {cluster.Metrics{familyOff: {{Value: 2}}}, false},
		"nothing said about it": {cluster.Metrics{}, false},
	} {
		if got := failOpenShown(c.m); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestFaultsToTry(t *testing.T) {
	with, without := faultsToTry(true), faultsToTry(false)
	if len(with) != len(without)+1 || !slices.Contains(with, admission.FaultServiceAccount) || slices.Contains(with, admission.FaultProcMount) {
		t.Errorf("%v, %v", with, without)
	}
	if len(with) != len(admission.Faults())-1 {
		t.Errorf("%d of %d faults", len(with), len(admission.Faults()))
	}
}

func TestGroupedIsStable(t *testing.T) {
	a, b := Rule{Kind: AdmissionPolicy, Count: 1}, Rule{Kind: ValidatingWebhook, Count: 1}
	got := grouped([]Rule{b, a, b})
	if len(got) != 2 || !slices.Equal(got, grouped([]Rule{b, b, a})) || got[0].Count+got[1].Count != 3 {
		t.Errorf("%+v", got)
	}
}
