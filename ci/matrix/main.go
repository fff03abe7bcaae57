// Command matrix measures the truth table of the checks: what each says of a
// profile that is whole, of the same with one thing broken, and of the profile
// vanilla. Every run goes through Sonobuoy (ci/suite.sh). A violation is
// applied, measured and reverted, and in the end the profile is shown whole
// again; a row is written only when what was measured is what was foretold.
//
//	go run ./ci/matrix AREA|all [CLUSTER...]
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/app44"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/souvap"
	_ "gitlab.opencode.de/ig-bvc/bvc-conformance/suites/sys16"
)

const folder = "ci/matrix"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measureAll(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func measureAll(ctx context.Context, args []string) error {
	if len(args) < 1 {
		return errors.New("usage: make matrix AREA=<area|all> [CLUSTER=\"<name>...\"]")
	}
	chosen := areas()
	if args[0] != "all" {
		if !slices.Contains(chosen, check.Area(args[0])) {
			return fmt.Errorf("AREA=%s has no registered check; choose all or one of %v", args[0], chosen)
		}
		chosen = []check.Area{check.Area(args[0])}
	}
	only := args[1:]
	for _, name := range only {
		if !slices.ContainsFunc(chosen, func(a check.Area) bool {
			return slices.ContainsFunc(specsOf(a), func(s spec) bool { return s.name == name })
		}) {
			return fmt.Errorf("CLUSTER=%s is no profile or violation of %v", name, chosen)
		}
	}
	var errs []error
	for _, a := range chosen {
		if err := measureArea(ctx, a, only); err != nil {
			errs = append(errs, fmt.Errorf("area %s: %w", a, err))
		}
	}
	return errors.Join(errs...)
}

func measureArea(ctx context.Context, a check.Area, only []string) error {
	table, err := load(folder, a)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// Every base is measured in the same call as what is held against it.
	bases, wanted := map[string]Row{}, map[string]bool{whole: true}
	for _, s := range specsOf(a) {
		if len(only) == 0 || slices.Contains(only, s.name) {
			wanted[s.name], wanted[s.base()] = true, true
		}
	}
	var errs []error
	broken := map[string][]string{} // by violations of the profile
	for _, s := range specsOf(a) {
		if !wanted[s.name] {
			continue
		}
		row, err := measure(ctx, a, s, "area: containsAny "+string(a))
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.violation == "" {
			bases[s.name] = row
		}
		base := bases[s.base()]
		row.Breaks = changed(base.Outcomes, row.Outcomes)
		if s.violation != "" {
			broken[s.profile] = append(broken[s.profile], row.Breaks...)
		}
		foretold := slices.Clone(s.breaks)
		sort.Strings(foretold)
		if !slices.Equal(row.Breaks, foretold) {
			// The row is not written, and the others are measured all the same.
			errs = append(errs, fmt.Errorf("%s: the outcomes of %q changed, foretold was %q (ci/matrix/table.go)", s.name, row.Breaks, foretold))
			say("%s: %v", a, errs[len(errs)-1])
			continue
		}
		table.put(row, a)
		if err := table.save(folder, a); err != nil {
			return err
		}
	}
	for _, profile := range slices.Sorted(maps.Keys(broken)) {
		if err := wholeAgain(ctx, a, profile, bases[profile], broken[profile]); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if wrong := verify(table, a); len(wrong) > 0 && len(only) == 0 {
		return errors.New(strings.Join(wrong, "\n  "))
	}
	return nil
}

// wholeAgain measures what was broken, and what shares a requirement with it,
// after all violations of a profile were reverted. That each was, before the
// next one, the next one's row shows (see specs).
func wholeAgain(ctx context.Context, a check.Area, profile string, base Row, broken []string) error {
	filter := "area: containsAny " + string(a)
	if len(broken) > 0 {
		filter += " && req: containsAny {" + requirements(broken) + "}"
	}
	again, err := measure(ctx, a, spec{name: profile, profile: profile}, filter)
	if err != nil {
		return fmt.Errorf("%s, with everything reverted: %w", profile, err)
	}
	for _, id := range changed(base.Outcomes, again.Outcomes) {
		if again.Outcomes[id] != v1alpha1.NotRun || slices.Contains(broken, id) {
			return fmt.Errorf("%s is not whole again after everything was reverted: %s is %s", profile, id, again.Outcomes[id])
		}
	}
	say("%s: %s is whole again", a, profile)
	return nil
}

// requirements of the checks, for a label filter.
func requirements(checks []string) string {
	var all []string
	for _, id := range checks {
		requirement, _, _ := strings.Cut(id, "/")
		all = append(all, requirement)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// measure runs the checks of the area that the filter takes on the cluster. A violation is reverted
// on every path.
func measure(ctx context.Context, a check.Area, s spec, filter string) (row Row, err error) {
	say("%s: measuring %s, %s", a, s.name, filter)
	out, err := filepath.Abs(filepath.Join(".work", "matrix", string(a)+"-"+s.name))
	if err != nil {
		return row, err
	}
	if s.violation != "" {
		// The violation acts on namespaces that rbac.yaml makes.
		if err := program(ctx, s, "ci/prepare.sh", s.profile); err != nil {
			return row, err
		}
		defer func() {
			// The run's context may have ended; what was broken is mended all the same.
			mend, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
			defer cancel()
			err = errors.Join(err, program(mend, s, filepath.Join("kind/violations", s.violation, "revert.sh")))
		}()
		if err := program(ctx, s, filepath.Join("kind/violations", s.violation, "apply.sh")); err != nil {
			return row, err
		}
	}
	err = program(ctx, s, "ci/suite.sh", s.profile, out, "--label-filter", filter)
	var exit *exec.ExitError
	// Deviations and a run of some checks only are what is expected here.
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 && exit.ExitCode() != 2) {
		return row, err
	}
	bundle, err := codec.ReadBundle(os.DirFS(out))
	if err != nil {
		return row, err
	}
	r := bundle.Report
	if r.Run.Interrupted || len(r.Run.Leftovers) > 0 {
		return row, fmt.Errorf("the run was cut short or left something behind: %+v", r.Run)
	}
	row = Row{
		Name: s.name, Commit: r.Suite.Commit, Date: r.Run.FinishedAt.UTC().Format(time.DateOnly), Kubernetes: r.Cluster.KubernetesVersion,
		Outcomes: map[string]v1alpha1.Outcome{}, Recorded: recorded(a),
	}
	for _, result := range r.Results {
		if slices.Contains(checksOf(a), result.CheckID) {
			row.Outcomes[result.CheckID] = result.Outcome
		}
	}
	for _, id := range slices.Sorted(maps.Keys(row.Outcomes)) {
		say("%s: %s: %s: %s", a, s.name, id, row.Outcomes[id])
	}
	return row, nil
}

// program runs a script of the repository with the cluster in its environment.
func program(ctx context.Context, s spec, name string, args ...string) error {
	kubeconfig, err := filepath.Abs(filepath.Join(".work", s.profile, "kubeconfig"))
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "CLUSTER=bvc-"+s.profile)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 2 * time.Minute
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "==> ["+time.Now().Format(time.TimeOnly)+"] "+format+"\n", args...)
}
