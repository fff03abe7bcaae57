// Command bvc is the one binary: the command line of a site, the entry point
// of the Sonobuoy plugin, and the agent inside probe pods.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// version and commit are set by the linker (see ci/).
var (
	version = "devel"
	commit  = "unknown"
)

// Exit codes (design.md, "Command line").
const (
	exitOK            = 0
	exitDeviations    = 1
	exitInconclusive  = 2
	exitUsage         = 3
	exitNotVerified   = 4
	exitToolFailed    = 5
	exitCodesForUsers = `Exit codes: 0 no deviation (or done), 1 deviations, 2 inconclusive or incomplete,
3 wrong use or configuration, 4 verification failed, 5 the tool itself failed.`
)

// exitError carries an exit code to main. Err nil means that all was said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// noArguments and oneBundle say what is wrong with the arguments in the words
// of the command; cobra's own would call a stray value an unknown command.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no argument, but got %q; is a flag without its value before it?\nSee '%s --help'", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

func oneBundle(c *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError("%s takes one argument, the tarball or the directory of a run\nSee '%s --help'", c.CommandPath(), c.CommandPath())
	}
	return nil
}

// codeOf is the exit code of a conclusion.
func codeOf(c v1alpha1.ConclusionWord) int {
	switch c {
	case v1alpha1.NoDeviation:
		return exitOK
	case v1alpha1.MussDeviations, v1alpha1.SollteDeviations:
		return exitDeviations
	default:
		return exitInconclusive
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first Ctrl-C ends the run in order, the second one the program.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "bvc",
		Short: "Observes what a Kubernetes cluster does and judges it against BSI IT-Grundschutz APP.4.4, SYS.1.6 and the Souveräner Arbeitsplatz rules",
		Long: `bvc observes what a Kubernetes cluster does, judges it against BSI IT-Grundschutz APP.4.4 and
SYS.1.6 (Edition 2023), the IG BvC policies and the rules of the Souveräner Arbeitsplatz, and writes
one report per site. It is neither a product nor a certificate of the BSI.

` + exitCodesForUsers,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("%w\nSee '%s --help'", err, c.CommandPath())
	})
	root.AddCommand(runCommand(), pluginCommand(), agentCommand(), reportCommand(), rejudgeCommand(), catalogueCommand(),
		preflightCommand(), mirrorCommand(), cleanupCommand(), versionCommand())
	return conclude(root.ExecuteContext(ctx), stderr)
}

// maxErrorLine bounds a line of an error, in characters.
const maxErrorLine = 2000

// conclude prints what a command ended with and gives the exit code.
func conclude(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	var coded *exitError
	if !errors.As(err, &coded) {
		// Cobra's own errors (an unknown command, wrong arguments) come without a code.
		coded = &exitError{exitUsage, err}
	}
	if coded.err != nil {
		// The whole error: what was wrapped around the coded one counts too.
		// It may quote what a cluster or a file said: nothing of that may
		// steer the terminal.
		for i, line := range strings.Split(err.Error(), "\n") {
			if line = v1alpha1.Plain(line, maxErrorLine); i == 0 {
				line = "bvc: " + line
			}
			fmt.Fprintln(stderr, line)
		}
	}
	return coded.code
}

func versionCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "version", Short: "Print version, commit and catalogue digest", Args: noArguments,
		Example: "  bvc version\n  bvc version -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			cat, err := loadCatalogue()
			if err != nil {
				return err
			}
			switch format {
			case "text":
				_, err = fmt.Fprintf(c.OutOrStdout(), "bvc %s, commit %s\ncatalogue %s\n", version, commit, cat.Digest)
			case "json":
				err = json.NewEncoder(c.OutOrStdout()).Encode(v1alpha1.Suite{Version: version, Commit: commit, CatalogueDigest: cat.Digest})
			default:
				err = usageError("-o %q: it is text or json", format)
			}
			return err
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}
