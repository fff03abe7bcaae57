package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What a cluster said must not steer the terminal of who reads the error.
func TestErrorsDoNotSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	code := conclude(usageError("reach the cluster: %w", fmt.Errorf("\x1b]0;title\x07\x1b[31mred\u202e\n second\r%s", strings.Repeat("x", 5000))), &out)
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	text := out.String()
	if strings.ContainsAny(text, "\x1b\x07\r\u202e") || len(text) > 3000 || !strings.HasPrefix(text, "bvc: reach the cluster: ") || !strings.Contains(text, "\n second") {
		t.Errorf("%q", text)
	}
	out.Reset()
	if code := conclude(errors.New("plain"), &out); code != exitUsage || out.String() != "bvc: plain\n" {
		t.Errorf("exit code %d, %q", code, out.String())
	}
}
