package posture

import (
	"regexp"
	"sort"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// candidates are labels, by key, with which a pod may leave the scope of a
// rule. Each is tried for real, so that one too many costs a request and never
// makes a verdict. Exemptions by a pod's name are not tried: they are in CEL
// and in the engines' own configuration, and no engine has names by default
// that a tenant could use in a namespace of its own.
type candidates map[string]string

func (c *candidates) add(key, value string) {
	if *c == nil {
		*c = candidates{}
	}
	if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
		return
	}
	if _, there := (*c)[key]; !there {
		(*c)[key] = value
	}
}

// anyValue is for rules that spare whoever has the label at all.
const anyValue = "true"

// escape adds what a pod in the scope of the selector sets to leave it.
func (c *candidates) escape(selector *metav1.LabelSelector) {
	if selector == nil {
		return
	}
	for _, e := range selector.MatchExpressions {
		switch {
		case e.Operator == metav1.LabelSelectorOpNotIn && len(e.Values) > 0:
			c.add(e.Key, e.Values[0])
		case e.Operator == metav1.LabelSelectorOpDoesNotExist:
			c.add(e.Key, anyValue)
		}
	}
}

// spared adds what a pod sets to come into the scope of an exemption.
func (c *candidates) spared(selector *metav1.LabelSelector) {
	if selector == nil {
		return
	}
	for key, value := range selector.MatchLabels {
		c.add(key, value)
	}
	for _, e := range selector.MatchExpressions {
		switch {
		case e.Operator == metav1.LabelSelectorOpIn && len(e.Values) > 0:
			c.add(e.Key, e.Values[0])
		case e.Operator == metav1.LabelSelectorOpExists:
			c.add(e.Key, anyValue)
		}
	}
}

// How labels are named in CEL: labels["key"], labels[?"key"], "key" in
// object.metadata.labels, labels.key, labels.?key; and what they are compared with.
var (
	celIndex = regexp.MustCompile(`labels(?:\.orValue\(\{\}\))?\[\??["']([^"']+)["']\]`)
	celIn    = regexp.MustCompile(`["']([^"']+)["']\s+in\s+[\w.?]*labels`)
	celField = regexp.MustCompile(`labels\.\??([A-Za-z_]\w*)(?:[^\w(]|$)`)
	celValue = regexp.MustCompile(`(?:[=!]=|orValue\()\s*["']([^"']+)["']`)
)

// named adds the labels that a CEL expression names, with the first value that
// it compares anything with. What the expression means is not solved.
func (c *candidates) named(expression string) {
	value := anyValue
	if m := celValue.FindStringSubmatch(expression); m != nil {
		value = m[1]
	}
	for _, form := range []*regexp.Regexp{celIndex, celIn, celField} {
		for _, m := range form.FindAllStringSubmatch(expression, -1) {
			c.add(m[1], value)
		}
	}
}

// sorted gives the keys in an order that does not change.
func (c candidates) sorted() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
