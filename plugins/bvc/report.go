package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/html"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/junit"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/rejudge"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/rollup"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/catalogue"
)

// openBundle reads a bundle from a directory or from a Sonobuoy tarball.
func openBundle(path string) (b codec.Bundle, tarball bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return b, false, usageError("open the bundle: %w", err)
	}
	if info.IsDir() {
		if b, err = codec.ReadBundle(os.DirFS(path)); err != nil {
			return b, false, usageError("read the bundle in %s: %w", path, err)
		}
		return b, false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return b, false, usageError("open the tarball: %w", err)
	}
	defer f.Close()
	if b, err = codec.FromTarball(f, codec.DefaultLimits()); err != nil {
		return b, true, usageError("read the tarball %s: %w", path, err)
	}
	return b, true, nil
}

// Languages of what people read.
const (
	german  = "de"
	english = "en"
)

func languageFlag(c *cobra.Command, language *string) {
	c.Flags().StringVar(language, "lang", german, "language of the report: de or en")
}

func knownLanguage(language string) error {
	if language != german && language != english {
		return usageError("--lang %q: it is de or en", language)
	}
	return nil
}

func reportCommand() *cobra.Command {
	var format, out, language string
	c := &cobra.Command{
		Use: "report TARBALL|DIRECTORY", Short: "Show the report of a run", Args: oneBundle,
		Long: `Reads a report bundle, or Sonobuoy's tarball with one inside, and writes it as text, HTML, JSON or JUnit. Hand on the
bundle, never the tarball: the tarball names every namespace of the cluster.`,
		Example: "  bvc report 202611210300_sonobuoy_....tar.gz -o html --out report.html\n  bvc report bvc-3f2a1b\n  bvc report bvc-3f2a1b -o html --lang en --out report.html",
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownLanguage(language); err != nil {
				return err
			}
			b, tarball, err := openBundle(args[0])
			if err != nil {
				return err
			}
			cat, err := loadCatalogue()
			if err != nil {
				return err
			}
			if tarball {
				fmt.Fprintln(c.ErrOrStderr(), "bvc: this is Sonobuoy's tarball; it names every namespace of the cluster: hand on the bundle only")
			}
			var buf bytes.Buffer
			switch format {
			case "text":
				printSummary(&buf, b.Report, cat, language == english, time.Now())
				hint := "Gefordert, beobachtet, Gegenstand und Abhilfe: bvc report %s -o html --out report.html\n"
				if language == "en" {
					hint = "Required, observed, object and remedy: bvc report %s -o html --lang en --out report.html\n"
				}
				fmt.Fprintf(&buf, hint, args[0])
			case "json":
				buf.Write(b.ReportBytes)
			case "html":
				err = html.Render(&buf, b.Report, b.Evidence, cat, html.Options{Language: html.Language(language), Now: time.Now()})
			case "junit":
				err = junit.Write(&buf, b.Report, cat, junit.Language(language))
			default:
				return usageError("-o %q: it is text, html, json or junit", format)
			}
			if err != nil {
				return toolFailed(fmt.Errorf("write the report: %w", err))
			}
			if err := put(out, buf.Bytes(), c.OutOrStdout()); err != nil {
				return err
			}
			if code := codeOf(b.Report.Conclusion.Result); code != exitOK {
				return &exitError{code: code}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text, html, json or junit")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	languageFlag(c, &language)
	return c
}

func put(path string, data []byte, stdout io.Writer) error {
	if path == "" {
		_, err := stdout.Write(data)
		return toolFailed(err)
	}
	if err := writeWhole(path, data); err != nil {
		return usageError("write %s: %w", path, err)
	}
	return nil
}

func rejudgeCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "rejudge TARBALL|DIRECTORY", Short: "Prove that the outcomes of a report follow from its evidence", Args: oneBundle,
		Long: `Judges the evidence of a bundle again and compares every outcome, finding, state and the conclusion with the report. It
proves that the report follows from the evidence, not that the run was honest. With another catalogue than the
report's it shows what would change. Exit code 4 when there is a difference.`,
		Example: "  bvc rejudge bvc-3f2a1b",
		RunE: func(c *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError("-o %q: it is text or json", format)
			}
			b, _, err := openBundle(args[0])
			if err != nil {
				return err
			}
			cat, err := loadCatalogue()
			if err != nil {
				return err
			}
			o := rejudge.Compare(b.Report, b.Evidence, rejudge.Rules{Catalogue: cat, Judge: judge, Roll: rollup.Roll, Conclude: rollup.Conclude})
			if format == "json" {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				if err := e.Encode(o); err != nil {
					return toolFailed(err)
				}
			} else {
				for _, d := range o.Differences {
					fmt.Fprintln(c.OutOrStdout(), d)
				}
				if !o.SameCatalogue {
					fmt.Fprintln(c.OutOrStdout(), "The report was made with another catalogue: the differences show what would change.")
				}
			}
			if len(o.Differences) > 0 {
				return &exitError{exitNotVerified, fmt.Errorf("%d differences between the report and its evidence", len(o.Differences))}
			}
			if format != "json" {
				fmt.Fprintf(c.OutOrStdout(), "All %d results follow from the evidence.\n", len(o.Results))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

func catalogueCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "catalogue", Short: "Print requirements, statements and the checks that cover them", Args: noArguments,
		Long: `Print every requirement and statement, who is responsible, the checks that decide it as a whole or in part, and the
question that has to be answered for what no check decides. The text is in German; JSON and Markdown have both languages.`,
		Example: "  bvc catalogue\n  bvc catalogue -o json\n  bvc catalogue -o markdown",
		RunE: func(c *cobra.Command, _ []string) error {
			cat, err := loadCatalogue()
			if err != nil {
				return err
			}
			var data []byte
			switch format {
			case "json":
				if data, err = codec.EncodeCatalogue(cat); err != nil {
					return toolFailed(err)
				}
			case "markdown":
				data = catalogue.Markdown(cat)
			case "text":
				data = catalogue.Text(cat)
			default:
				return usageError("-o %q: it is text, json or markdown", format)
			}
			_, err = c.OutOrStdout().Write(data)
			return toolFailed(err)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text, json or markdown")
	return c
}
