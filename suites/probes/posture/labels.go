package posture

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// candidates are labels, values by key, with which a pod may leave the scope of
// a rule. Each is tried for real, so that one too many costs requests and never
// makes a verdict. Exemptions by a pod's name are not tried: they are in CEL
// and in the engines' own configuration, and no engine has names by default
// that a tenant could use in a namespace of its own.
type candidates struct {
	values map[string]map[string]bool
	// unsolved counts expressions that look at labels or annotations and from
	// which nothing could be read that a pod might set.
	unsolved int
}

// label is one of them.
type label struct{ key, value string }

func (c *candidates) add(key, value string) bool {
	if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
		return false
	}
	if c.values == nil {
		c.values = map[string]map[string]bool{}
	}
	if c.values[key] == nil {
		c.values[key] = map[string]bool{}
	}
	c.values[key][value] = true
	return true
}

// anyValue is for rules that spare whoever has the label at all.
const anyValue = "true"

// escape adds what a pod in the scope of the selector sets to leave it.
func (c *candidates) escape(selector *metav1.LabelSelector) {
	if selector == nil {
		return
	}
	for _, e := range selector.MatchExpressions {
		switch e.Operator {
		case metav1.LabelSelectorOpNotIn:
			for _, value := range e.Values {
				c.add(e.Key, value)
			}
		case metav1.LabelSelectorOpDoesNotExist:
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
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			for _, value := range e.Values {
				c.add(e.Key, value)
			}
		case metav1.LabelSelectorOpExists:
			c.add(e.Key, anyValue)
		}
	}
}

// How labels are named in CEL: labels["key"], labels[?"key"], "key" in
// object.metadata.labels, labels.key, labels.?key. Those of the namespace are
// none that a pod could set.
var (
	celNamespace = regexp.MustCompile(`namespaceObject\s*\.\s*\??metadata\s*\.\s*\??(?:labels|annotations)`)
	celIndex     = regexp.MustCompile(`labels(?:\.orValue\(\{\}\))?\[\??["']([^"']+)["']\]`)
	celIn        = regexp.MustCompile(`["']([^"']+)["']\s+in\s+[\w.?]*labels`)
	celField     = regexp.MustCompile(`labels\.\??([A-Za-z_]\w*)(?:[^\w(]|$)`)
	celString    = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
	celLabels    = regexp.MustCompile(`\blabels\b`)
	celNotes     = regexp.MustCompile(`\bannotations\b`)
)

// named adds the labels that a CEL expression names, with each string in it
// that is no name of one, and with anyValue. What the expression means is not
// solved; annotations are not tried.
func (c *candidates) named(expression string) {
	expression = celNamespace.ReplaceAllString(expression, "namespace")
	rest, keys := expression, []string{}
	for _, form := range []*regexp.Regexp{celIndex, celIn, celField} {
		for _, m := range form.FindAllStringSubmatchIndex(expression, -1) {
			keys = append(keys, expression[m[2]:m[3]])
			// The same length, so that the places stay.
			rest = rest[:m[2]] + strings.Repeat(" ", m[3]-m[2]) + rest[m[3]:]
		}
	}
	values := []string{anyValue}
	for _, m := range celString.FindAllStringSubmatch(rest, -1) {
		if value := m[1] + m[2]; strings.TrimSpace(value) != "" {
			values = append(values, value)
		}
	}
	found := false
	for _, key := range keys {
		for _, value := range values {
			found = c.add(key, value) || found
		}
	}
	if celLabels.MatchString(expression) && !found || celNotes.MatchString(expression) {
		c.unsolved++
	}
}

// sorted gives the labels in an order that does not change, those last that
// every object of the run has with values of its own: they can not be tried.
func (c candidates) sorted() (free, own []label) {
	for key, values := range c.values {
		for value := range values {
			if key == cluster.LabelManagedBy || strings.HasPrefix(key, "conformance.opencode.de/") {
				own = append(own, label{key, value})
			} else {
				free = append(free, label{key, value})
			}
		}
	}
	slices.SortFunc(free, func(a, b label) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value)) })
	return free, own
}
