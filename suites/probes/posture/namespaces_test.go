package posture

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNamespaceChanges(t *testing.T) {
	expression := func(key string, op metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: op, Values: values}}}
	}
	for name, c := range map[string]struct {
		bound, exempt *metav1.LabelSelector
		namespace     map[string]string
		want          string
	}{
		"no rules":                     {nil, nil, nil, "[{pod-security.kubernetes.io/enforce privileged true}]"},
		"Pod Security lifts it all":    {nil, nil, map[string]string{podSecurityEnforce: "privileged"}, "[]"},
		"a label chooses":              {&metav1.LabelSelector{MatchLabels: map[string]string{"tenant": "yes"}}, nil, map[string]string{"tenant": "yes"}, "[{pod-security.kubernetes.io/enforce privileged true} {tenant  false}]"},
		"it does not choose this one":  {&metav1.LabelSelector{MatchLabels: map[string]string{"tenant": "yes"}}, nil, nil, "[{pod-security.kubernetes.io/enforce privileged true}]"},
		"a value excepts":              {expression("exempt", metav1.LabelSelectorOpNotIn, "a", "b"), nil, nil, "[{pod-security.kubernetes.io/enforce privileged true} {exempt a true} {exempt b true}]"},
		"a label excepts":              {expression("exempt", metav1.LabelSelectorOpDoesNotExist), nil, nil, "[{pod-security.kubernetes.io/enforce privileged true} {exempt true true}]"},
		"the name can not be changed":  {expression("kubernetes.io/metadata.name", metav1.LabelSelectorOpNotIn, "kube-system"), nil, nil, "[{pod-security.kubernetes.io/enforce privileged true}]"},
		"an exemption wants a label":   {nil, expression("team", metav1.LabelSelectorOpIn, "platform"), nil, "[{pod-security.kubernetes.io/enforce privileged true} {team platform true}]"},
		"an exemption wants it absent": {nil, expression("team", metav1.LabelSelectorOpDoesNotExist), map[string]string{"team": "x"}, "[{pod-security.kubernetes.io/enforce privileged true} {team  false}]"},
		"half of an exemption is so already": {nil, &metav1.LabelSelector{MatchLabels: map[string]string{"team": "platform"}, MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tenant", Operator: metav1.LabelSelectorOpDoesNotExist}, {Key: "exempt", Operator: metav1.LabelSelectorOpExists},
		}}, map[string]string{"team": "platform"}, "[{pod-security.kubernetes.io/enforce privileged true} {exempt true true}]"},
		"exempt already": {nil, expression("team", metav1.LabelSelectorOpExists), map[string]string{"team": "x"}, "[{pod-security.kubernetes.io/enforce privileged true}]"},
	} {
		found := candidates{bounds: []*metav1.LabelSelector{c.bound, c.bound}, exempts: []*metav1.LabelSelector{c.exempt}}.namespaceChanges(c.namespace)
		if got := fmt.Sprint(found); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
