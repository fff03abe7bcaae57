package check

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// Registry is a set of checks. There is one for the program (Default); tests
// make their own.
type Registry struct {
	entries []entry
}

type entry struct {
	check *Check
	place string
}

// Default is the one registry that suites fill at start.
var Default Registry

// Register puts checks into the Default registry and returns them. It is meant
// for `var _ = check.Register(...)` and never fails by itself: Validate reports
// all mistakes at once.
func Register(checks ...*Check) []*Check {
	_, file, line, _ := runtime.Caller(1)
	for _, c := range checks {
		Default.add(c, fmt.Sprintf("%s:%d", file, line))
	}
	return checks
}

// Add puts a check into r.
func (r *Registry) Add(c *Check) { r.add(c, "test") }

func (r *Registry) add(c *Check, place string) { r.entries = append(r.entries, entry{c, place}) }

// Checks returns all checks, sorted by ID.
func (r *Registry) Checks() []*Check {
	out := make([]*Check, 0, len(r.entries))
	for _, e := range r.entries {
		out = append(out, e.check)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Probes returns every probe of the given checks once, sorted by name.
func Probes(checks []*Check) []*Probe {
	byName := map[string]*Probe{}
	for _, c := range checks {
		for _, p := range c.Probes {
			byName[p.Name] = p
		}
	}
	out := make([]*Probe, 0, len(byName))
	for _, p := range byName {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

var (
	idForm        = regexp.MustCompile(`^(APP\.4\.4\.A\d+|SYS\.1\.6\.A\d+|SOUVAP\.[0-9]+(\.[0-9]+)*)/[a-z0-9]+(-[a-z0-9]+)*$`)
	statementForm = regexp.MustCompile(`^(APP\.4\.4\.A\d+|SYS\.1\.6\.A\d+|SOUVAP\.[0-9]+(\.[0-9]+)*)-UA\.\d+$`)
	probeForm     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// Validate reports every mistake in the registry, joined, each with the file
// and line of its registration.
func (r *Registry) Validate() error {
	var errs []error
	seen := map[string]string{}
	probes := map[string]*Probe{}
	for _, e := range r.entries {
		report := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s: check %q: %s", e.place, e.check.ID, fmt.Sprintf(format, args...)))
		}
		c := e.check
		if !idForm.MatchString(c.ID) {
			report("the ID is not of the form REQUIREMENT/what-is-required")
		}
		if where, double := seen[c.ID]; double {
			report("registered before at %s", where)
		}
		seen[c.ID] = e.place
		if c.Title.De == "" || c.Title.En == "" {
			report("the title is empty in a language")
		}
		if !slices.Contains([]Area{Admission, Network, Data, Lifecycle, IdentityArea, Nodes}, c.Area) {
			report("unknown area %q", c.Area)
		}
		if c.judge == nil {
			report("no Judge")
		}
		if len(c.Covers) == 0 {
			report("covers no statement")
		}
		for _, s := range c.Covers {
			if !statementForm.MatchString(s.Statement) {
				report("statement %q is not of the form REQUIREMENT-UA.n", s.Statement)
			}
			switch s.Decides {
			case v1alpha1.Whole:
				if s.Why == "" {
					report("decides the whole of %s without a reviewer's sentence", s.Statement)
				}
			case v1alpha1.Part:
				if s.Why != "" {
					report("decides a part of %s: a reviewer's sentence belongs to whole only", s.Statement)
				}
			default:
				report("decides %q of %s, want whole or part", s.Decides, s.Statement)
			}
		}
		if len(c.Probes) == 0 {
			report("has no probe")
		}
		for _, p := range c.Probes {
			if p == nil || p.observe == nil {
				report("has a probe without Observe")
				continue
			}
			if other, there := probes[p.Name]; there && other != p {
				report("probe %q is another one than the probe of that name before", p.Name)
			}
			probes[p.Name] = p
			if !probeForm.MatchString(p.Name) || p.SchemaVersion < 1 || p.Timeout <= 0 || p.Weight < 1 {
				report("probe %q needs a name, a schema version, a timeout and a weight", p.Name)
			}
		}
	}
	return errors.Join(errs...)
}

// Describe gives what the catalogue says of the checks, and which check
// covers which statement.
func Describe(checks []*Check) ([]v1alpha1.CheckInfo, map[string][]v1alpha1.Coverage) {
	infos := make([]v1alpha1.CheckInfo, 0, len(checks))
	coverage := map[string][]v1alpha1.Coverage{}
	for _, c := range checks {
		info := v1alpha1.CheckInfo{
			ID: c.ID, Title: c.Title, Area: string(c.Area), Requirement: c.Requirement(),
			Covers: []string{}, Policies: append([]string{}, c.Policies...), Exclusive: c.Exclusive(),
			Probes: []string{}, Needs: []string{},
		}
		for _, s := range c.Covers {
			info.Covers = append(info.Covers, s.Statement)
			coverage[s.Statement] = append(coverage[s.Statement], v1alpha1.Coverage{ID: c.ID, Decides: s.Decides, Why: s.Why})
		}
		for _, p := range c.Probes {
			info.Probes = append(info.Probes, p.Name)
			for _, right := range p.Needs {
				info.Needs = append(info.Needs, right.String())
			}
		}
		sort.Strings(info.Covers)
		sort.Strings(info.Probes)
		sort.Strings(info.Needs)
		info.Needs = slices.Compact(info.Needs)
		infos = append(infos, info)
	}
	for _, c := range coverage {
		sort.Slice(c, func(i, j int) bool { return c[i].ID < c[j].ID })
	}
	return infos, coverage
}

func splitID(id string) (requirement, name string) {
	requirement, name, _ = strings.Cut(id, "/")
	return requirement, name
}
