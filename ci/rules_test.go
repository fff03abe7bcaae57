package ci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "gitlab.opencode.de/ig-bvc/bvc-conformance"

// root is the top of the repository, seen from this package.
const root = ".."

// edge permits the packages that match from to import those that match to, and
// says why. Patterns are those of path.Match, so a star stands for one name;
// each must match a package.
type edge struct{ from, to, why string }

// edges is what design.md ("Rooms") decides, package by package. Whatever is
// not listed is forbidden.
var edges = []edge{
	{"reports/codec", "reports/v1alpha1", "reads and writes the published types"},
	{"reports/html", "reports/v1alpha1", "shows the published types"},
	{"reports/junit", "reports/v1alpha1", "exports the published types"},
	{"reports/rejudge", "reports/v1alpha1", "compares the published types; judging is handed in"},
	{"reports/rollup", "reports/v1alpha1", "computes the states of the published types"},
	{"reports/sonobuoy", "reports/v1alpha1", "exports the published types"},
	{"reports/v1alpha1/schema/gen", "reports/v1alpha1", "generates the schemas from the published types"},
	{"reports/v1alpha1/schema/gen", "reports/v1alpha1/schema", "knows the names of the files it writes"},

	{"framework/check", "reports/v1alpha1", "a check's result and evidence are published types"},
	{"framework/cluster", "reports/v1alpha1", "facts, rights and leftovers are published types"},
	{"framework/cluster", "framework/check", "rights that checks declare are asked for and granted"},
	{"framework/cluster", "framework/wait", "waits for objects to be gone"},
	{"framework/cluster", "framework/agent", "reads the agent's lines from logs"},
	{"framework/agent", "framework/tlsscan", "looks at TLS servers from within a node"},
	{"framework/spec", "reports/v1alpha1", "returns results and observations"},
	{"framework/spec", "framework/check", "runs the registered checks"},

	{"suites/catalogue", "reports/v1alpha1", "loads into the published catalogue"},
	{"suites/probes/*", "reports/v1alpha1", "bounded, plain text goes into observations"},
	{"suites/probes/*", "framework/check", "is declared as a probe"},
	{"suites/probes/*", "framework/cluster", "works in the cluster through Env"},
	{"suites/probes/*", "framework/wait", "waits through the one polling function"},
	{"suites/probes/*", "framework/agent", "starts agents and reads their lines"},
	{"suites/probes/*", "framework/registry", "looks which signatures an image has before it judges what became of it"},
	{"suites/probes/*", "framework/tlsscan", "looks at TLS servers"},
	{"suites/probes/fresh", "suites/probes/admission", "tries the same pods and reads the answers alike"},
	{"suites/probes/posture", "suites/probes/admission", "tries the same pods and reads the answers alike"},
	{"suites/probes/relabel", "suites/probes/posture", "knows which labels of a namespace rules depend on"},
	{"suites/probes/*", "fixtures/pods", "puts the golden pod and its mutants into the cluster"},
}

// tiers are edges between whole rooms of the chain in design.md: checks see the
// probes and the frame, the program sees all of it.
var tiers = []edge{
	{"suites/app44", "reports/v1alpha1", "says verdicts"},
	{"suites/app44", "framework/check", "registers checks"},
	{"suites/app44", "framework/cluster", "knows the classes of trouble"},
	{"suites/app44", "framework/agent", "knows the results of an attempt"},
	{"suites/app44", "suites/probes/*", "judges what probes saw"},
	{"suites/sys16", "reports/v1alpha1", "says verdicts"},
	{"suites/sys16", "framework/check", "registers checks"},
	{"suites/sys16", "framework/cluster", "knows the classes of trouble"},
	{"suites/sys16", "suites/probes/*", "judges what probes saw"},
	{"suites/souvap", "reports/v1alpha1", "says verdicts"},
	{"suites/souvap", "framework/check", "registers checks"},
	{"suites/souvap", "framework/cluster", "knows the classes of trouble"},
	{"suites/souvap", "framework/agent", "knows the outer protocols of a frame"},
	{"suites/souvap", "suites/probes/*", "judges what probes saw"},

	{"plugins/bvc", "reports/v1alpha1", "makes the report"},
	{"plugins/bvc", "reports/*", "hands the report to every reader and writer"},
	{"plugins/bvc", "framework/*", "runs the suite, the agent and the cleanup"},
	{"plugins/bvc", "suites/*", "links every check and the catalogue"},
}

// testEdges are further edges that only tests have.
var testEdges = []edge{
	{"reports/*", "reports/*", "examples of the published types are read with the codec"},
	{"framework/*", "framework/*", "the frame is tested whole"},
	{"framework/*", "fixtures/pods", "real pods as examples"},
	{"suites/*", "framework/*", "Judges are tested through the frame"},
	{"suites/*", "reports/*", "verdicts are tested through the published types"},
	{"suites/probes/*", "fixtures/pods", "real pods as examples"},
	{"plugins/bvc", "fixtures/*", "manifests are held against the pods they admit"},
	{"plugins/bvc", "suites/probes/*", "runs are tested with recorded observations"},

	{"ci", "framework/check", "recorded observations are judged"},
	{"ci", "reports/v1alpha1", "observations are published types"},
	{"ci", "suites/*", "every registered check is looked at"},
	{"ci/*", "framework/*", "the frame is tried on real servers"},
	{"ci/*", "fixtures/*", "fixtures are tried on real servers"},
	{"ci/*", "suites/*", "every registered check is looked at"},
	{"ci/*", "suites/probes/*", "specimens of probes are tried on real servers"},
	{"ci/*", "reports/*", "reports of real runs are read"},
}

// programEdges are those of programs under ci/, which are no part of bvc.
var programEdges = []edge{
	{"ci/bench", "framework/check", "knows which probes run alone"},
	{"ci/bench", "suites/*", "links every check"},
	{"ci/bench", "reports/codec", "reads the measured report"},
	{"ci/bench", "reports/v1alpha1", "reads the measured report"},
	{"ci/e2e", "reports/v1alpha1", "compares the results of a report"},
	{"ci/e2e", "reports/v1alpha1/schema", "holds what a run writes against the published schemas"},
	{"ci/peer", "suites/probes/reachability", "prints the probe's situations, and reads what it saw"},
	{"ci/peer", "reports/codec", "reads the measured evidence"},
	{"ci/peer", "reports/v1alpha1", "reads the measured evidence"},
	{"ci/matrix", "framework/check", "every registered check has a row"},
	{"ci/matrix", "suites/*", "links every check"},
	{"ci/matrix", "reports/codec", "reads the measured reports"},
	{"ci/matrix", "reports/v1alpha1", "reads the measured reports"},
}

// alone are packages that import no other package of the module.
var alone = []edge{
	{"reports/v1alpha1", "", "the published types depend on nothing"},
	{"reports/v1alpha1/schema", "", "only embeds files"},
	{"framework/wait", "", "polls whatever it is given"},
	{"framework/agent", "", "runs inside pods, small and by itself"},
	{"framework/registry", "", "talks to registries and knows no cluster"},
	{"framework/tlsscan", "", "talks to TLS servers and knows no cluster"},
	{"fixtures/pods", "", "plain objects of the API"},
	{"ci", "", "tests only"},
	{"ci/apiserver", "", "tests only"},
}

type goPackage struct {
	ImportPath, Dir, Name, Doc         string
	Imports, TestImports, XTestImports []string
	Module                             *struct{ Path string }
}

// goList lists packages, those behind build tags included.
func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-tags", "e2e,apiserver", "-json=ImportPath,Dir,Name,Doc,Imports,TestImports,XTestImports,Module"}, args...)...)
	command.Dir = root
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// room is the import path below the module, and whether it is of the module.
func room(importPath string) (string, bool) { return strings.CutPrefix(importPath, module+"/") }

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

func permitted(from, to string, tables ...[]edge) bool {
	for _, table := range tables {
		for _, e := range table {
			if matches(e.from, from) && matches(e.to, to) {
				return true
			}
		}
	}
	return false
}

func TestImportRules(t *testing.T) {
	packages := goList(t, "./...")
	var names []string
	for _, p := range packages {
		name, ok := room(p.ImportPath)
		if !ok {
			t.Errorf("package %s is not below the module: the module's root holds no Go package", p.ImportPath)
			continue
		}
		names = append(names, name)
	}
	for _, table := range [][]edge{edges, tiers, testEdges, programEdges, alone} {
		for _, e := range table {
			if e.why == "" {
				t.Errorf("%s -> %s is permitted without a reason", e.from, e.to)
			}
			for _, pattern := range []string{e.from, e.to} {
				if pattern != "" && !slices.ContainsFunc(names, func(n string) bool { return matches(pattern, n) }) {
					t.Errorf("the rules name %s, and there is no such package: correct the rules with the rename", pattern)
				}
			}
		}
	}
	for _, p := range packages {
		name, ok := room(p.ImportPath)
		if !ok {
			continue
		}
		if !slices.ContainsFunc(slices.Concat(edges, tiers, programEdges, alone), func(e edge) bool { return matches(e.from, name) }) {
			t.Errorf("package %s has no rule: say in ci/rules_test.go what it may import, and why", name)
		}
		for _, i := range p.Imports {
			if to, ok := room(i); ok && !permitted(name, to, edges, tiers, programEdges) {
				t.Errorf("%s imports %s: not permitted by ci/rules_test.go", name, to)
			}
		}
		for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
			if to, ok := room(i); ok && to != name && !permitted(name, to, edges, tiers, programEdges, testEdges) {
				t.Errorf("a test of %s imports %s: not permitted by ci/rules_test.go", name, to)
			}
		}
	}
}

func TestForeignImports(t *testing.T) {
	for _, p := range goList(t, "./...") {
		name, _ := room(p.ImportPath)
		for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if strings.HasPrefix(i, "github.com/onsi/ginkgo") && name != "framework/spec" {
				t.Errorf("%s imports %s: only framework/spec imports Ginkgo", name, i)
			}
		}
		for _, i := range p.Imports {
			if strings.HasPrefix(i, "github.com/onsi/gomega") && name != "framework/spec" {
				t.Errorf("%s imports %s: Gomega is for framework/spec and tests", name, i)
			}
			if i == "testing" {
				t.Errorf("%s imports testing outside its tests", name)
			}
		}
	}
	// Not even through others: who reads reports needs no cluster.
	for _, p := range goList(t, "-deps", "./reports/...") {
		for _, banned := range []string{"k8s.io/", "sigs.k8s.io/controller-runtime", "github.com/onsi/", "github.com/vmware-tanzu/sonobuoy"} {
			if strings.HasPrefix(p.ImportPath, banned) {
				t.Errorf("a package under reports/ depends on %s: readers of reports know no cluster", p.ImportPath)
			}
		}
	}
}

func TestPackageNamesAndComments(t *testing.T) {
	for _, p := range goList(t, "./...") {
		name, _ := room(p.ImportPath)
		if p.Doc == "" {
			t.Errorf("package %s has no package comment", name)
		}
		for _, word := range []string{p.Name, path.Base(name)} {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "misc"}, strings.TrimSuffix(word, "_test")) {
				t.Errorf("package %s is called %s, which says nothing about what is in it", name, word)
			}
		}
	}
}

// files lists the files of the repository: what git knows, and what it would add.
func files(t *testing.T) []string {
	t.Helper()
	command := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v: this test needs the git checkout", command, err)
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(root, name)); err == nil {
			names = append(names, name)
		}
	}
	return names
}

func TestTopLevel(t *testing.T) {
	want := []string{
		"suites", "framework", "plugins", "reports", "fixtures", "kind", "ci",
		"Makefile", "Dockerfile", "go.mod", "go.sum", "README.md", "LICENSE",
	}
	there := map[string]bool{}
	for _, name := range files(t) {
		top, _, _ := strings.Cut(name, "/")
		there[top] = true
	}
	for _, name := range want {
		if !there[name] {
			t.Errorf("%s is missing at the top level", name)
		}
		delete(there, name)
	}
	for name := range there {
		if !strings.HasPrefix(name, ".") {
			t.Errorf("%s does not belong at the top level: which room is it for?", name)
		}
	}
}

func TestNoSleep(t *testing.T) {
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(root, name), nil, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		clock := ""
		for _, i := range file.Imports {
			if imported, err := strconv.Unquote(i.Path.Value); err == nil && imported == "time" {
				clock = "time"
				if i.Name != nil {
					clock = i.Name.Name
				}
			}
		}
		if clock == "" {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || selector.Sel.Name != "Sleep" {
				return true
			}
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == clock {
				t.Errorf("%s: time.Sleep: await a condition with framework/wait, or a timer together with the context", set.Position(n.Pos()))
			}
			return true
		})
	}
}

// A file *_tests.go looks like a test and is compiled into the program.
func TestNoMisnamedTests(t *testing.T) {
	for _, name := range files(t) {
		if strings.HasSuffix(name, "_tests.go") {
			t.Errorf("%s: the go tool takes this for no test; call it _test.go", name)
		}
	}
}

func TestMakeHelpListsEveryTarget(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("make", "--no-print-directory", "help")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("make help: %v", err)
	}
	targets := regexp.MustCompile(`(?m)^([A-Za-z0-9_/%-]+):(?:[^=]|$)`).FindAllStringSubmatch(string(makefile), -1)
	phony := regexp.MustCompile(`(?m)^\.PHONY: (.+)$`).FindAllStringSubmatch(string(makefile), -1)
	if len(targets) < 10 {
		t.Fatalf("%d targets were found in the Makefile: this test looks for the wrong thing", len(targets))
	}
	var declared []string
	for _, p := range phony {
		declared = append(declared, strings.Fields(p[1])...)
	}
	for _, target := range targets {
		if !regexp.MustCompile(`(?m)^  make ` + regexp.QuoteMeta(target[1]) + ` +\S`).Match(out) {
			t.Errorf("make help does not list %s: give it a line with ##", target[1])
		}
		if !slices.Contains(declared, target[1]) {
			t.Errorf("%s is not .PHONY", target[1])
		}
	}
	for _, name := range []string{"build", "image", "cluster", "cluster-delete", "demo", "test", "test-unit", "test-api", "test-clusters",
		"run", "matrix", "bench", "lint", "update", "verify", "fuzz", "clean"} {
		if !slices.Contains(declared, name) {
			t.Errorf("the target %s is gone", name)
		}
	}
}
