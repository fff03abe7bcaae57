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

// candidates are labels, values by key, and names, with which a pod may leave
// the scope of a rule. Each is tried for real, so that one too many costs
// requests and never makes a verdict.
type candidates struct {
	// values by key of the label; those of byName are names.
	values map[string]map[string]bool
	// unsolved counts expressions that look at labels, annotations or names and
	// from which nothing could be read that a pod might set.
	unsolved int
	// bounds and exempts are selectors of namespaces: of those that are in the
	// scope of a rule, and of those that are exempt from one. unsolvedNamespaces
	// counts expressions on a namespace's labels.
	bounds, exempts    []*metav1.LabelSelector
	unsolvedNamespaces int
}

// byName is no key that a label could have.
const byName = ""

// label is one of them, or a name.
type label struct{ key, value string }

func (c *candidates) add(key, value string) bool {
	if key == byName {
		if value = nameLike(value); value == "" {
			return false
		}
	} else if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
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

// nameLike makes a pod's name of a pattern with wildcards, of a part of a name,
// or of a regular expression that is not much more; empty when it is none. A
// name that is the part itself begins with it, ends with it and contains it.
func nameLike(pattern string) string {
	name := strings.NewReplacer("^", "", "$", "", ".*", "x", ".+", "x", "*", "x", "?", "x").Replace(pattern)
	if name == "" {
		return ""
	}
	if strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".") {
		name = "x" + name
	}
	if strings.HasSuffix(name, "-") || strings.HasSuffix(name, ".") {
		name += "x"
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return ""
	}
	return name
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

// leave adds what a pod in the scope sets to leave it.
func (c *candidates) leave(s scope) {
	c.bounds = append(c.bounds, s.namespaces)
	c.escape(s.objects)
	for _, condition := range s.conditions {
		c.named(condition.Expression)
	}
	for _, name := range s.names {
		c.add(byName, name)
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
	celNamespace = regexp.MustCompile(`namespaceObject\s*\.\s*\??metadata\s*\.\s*\??(?:labels|annotations|name\b)`)
	celIndex     = regexp.MustCompile(`labels(?:\.orValue\(\{\}\))?\[\??["']([^"']+)["']\]`)
	celIn        = regexp.MustCompile(`["']([^"']+)["']\s+in\s+[\w.?]*labels`)
	celField     = regexp.MustCompile(`labels\.\??([A-Za-z_]\w*)(?:[^\w(]|$)`)
	celString    = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
	celLabels    = regexp.MustCompile(`\blabels\b`)
	celNotes     = regexp.MustCompile(`\bannotations\b`)
	celName      = regexp.MustCompile(`\b(?:metadata|request)\s*\.\s*\??(?:name|generateName)\b`)
)

// named adds the labels that a CEL expression names, with each string in it
// that is no name of one, and with anyValue, and these strings as names where
// it looks at the pod's. What the expression means is not solved; annotations
// are not tried.
func (c *candidates) named(expression string) {
	if celNamespace.MatchString(expression) {
		c.unsolvedNamespaces++
		expression = celNamespace.ReplaceAllString(expression, "namespace")
	}
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
	foundName := false
	if celName.MatchString(expression) {
		for _, value := range values[1:] {
			foundName = c.add(byName, value) || foundName
		}
	}
	if celLabels.MatchString(expression) && !found || celName.MatchString(expression) && !foundName || celNotes.MatchString(expression) {
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
