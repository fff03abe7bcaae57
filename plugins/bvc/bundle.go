package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/codec"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/html"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/junit"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// encodeBundle gives the bytes of both documents, checked as a reader would.
func encodeBundle(report v1alpha1.ConformanceReport, evidence v1alpha1.Evidence) (codec.Bundle, error) {
	r, err := codec.EncodeReport(report)
	if err != nil {
		return codec.Bundle{}, &exitError{exitToolFailed, fmt.Errorf("write the report: %w", err)}
	}
	e, err := codec.EncodeEvidence(evidence)
	if err != nil {
		return codec.Bundle{}, &exitError{exitToolFailed, fmt.Errorf("write the evidence: %w", err)}
	}
	return codec.NewBundle(r, e)
}

// saveBundle writes the bundle and its readable forms into dir. Each file
// appears whole or not at all.
func saveBundle(dir string, b codec.Bundle, cat v1alpha1.Catalogue, language string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usageError("make the output directory: %w", err)
	}
	var page, cases bytes.Buffer
	// No time is given: the page beside the bundle is as of the end of its run, whenever it is read.
	if err := html.Render(&page, b.Report, b.Evidence, cat, html.Options{Language: html.Language(language)}); err != nil {
		return &exitError{exitToolFailed, fmt.Errorf("write the HTML report: %w", err)}
	}
	if err := junit.Write(&cases, b.Report, cat, junit.Language(language)); err != nil {
		return &exitError{exitToolFailed, fmt.Errorf("write the JUnit report: %w", err)}
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{v1alpha1.ReportFile, b.ReportBytes}, {v1alpha1.EvidenceFile, b.EvidenceBytes}, {"report.html", page.Bytes()}, {"junit.xml", cases.Bytes()}} {
		if err := writeWhole(filepath.Join(dir, f.name), f.data); err != nil {
			return usageError("write the results: %w", err)
		}
	}
	return nil
}

// writeWhole writes beside the destination, syncs and renames.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
