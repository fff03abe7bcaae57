package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the one browser of all tests; each test opens tabs of its own.
var chromium context.Context

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	profile, err := os.MkdirTemp("", "bvc-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(profile)
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(need("BVC_CHROMIUM")), chromedp.UserDataDir(profile)}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var end context.CancelFunc
	chromium, end = chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(chromium); err != nil {
		fmt.Fprintln(os.Stderr, "start Chromium:", err)
		return 1
	}
	return m.Run()
}

// need gives what ci/browser.sh sets. Without it nothing is tested, and that
// is never a pass.
func need(name string) string {
	value := os.Getenv(name)
	if value == "" {
		fmt.Fprintf(os.Stderr, "%s is not set: run these tests with `make test-browser`\n", name)
		os.Exit(1)
	}
	return value
}

// examples are the pages that reports/html writes for these tests.
var examples = []string{"declared", "big", "hostile", "empty"}

// file is the path of an example.
func file(name string) string { return filepath.Join(need("BVC_PAGES"), name+".html") }

// look is how a reader has the page before them.
type look struct {
	width    int64
	dark     bool
	language string // de unless en
	open     bool   // every details element
	noScript bool
	fragment string
	media    string
}

// String names a look in messages.
func (l look) String() string {
	return fmt.Sprintf("%d px, dark %t, %s, all open %t", l.width, l.dark, l.language, l.open)
}

// tab is a page in the browser, and what went wrong there: requests, messages
// of the console, policy violations, exceptions.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	trouble []string
}

// show opens a file. At the end of the test the page must have asked the
// network for nothing and complained of nothing.
func show(t *testing.T, path string, l look) *tab {
	t.Helper()
	b := visit(t, path, l)
	t.Cleanup(func() {
		for _, s := range b.troubles() {
			t.Errorf("%s, %s: %s", filepath.Base(path), l, s)
		}
	})
	return b
}

// visit opens a file and leaves the troubles to the caller.
func visit(t *testing.T, path string, l look) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(chromium)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() { cancel(); closeTab() })
	address := "file://" + path
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if own, _, _ := strings.Cut(e.Request.URL, "#"); own != address {
				b.add("asks for %.200s", e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			b.add("exception: %s", e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			b.add("console: %s", e.Type)
		case *log.EventEntryAdded:
			b.add("log: %s", e.Entry.Text)
		case *audits.EventIssueAdded:
			b.add("issue: %s", e.Issue.Code)
		case *page.EventJavascriptDialogOpening:
			b.add("dialog: %s", e.Message)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if l.width == 0 {
		l.width = 1280
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, audits.Enable, cdp.Empty{})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: 800, DeviceScaleFactor: 1, Mobile: l.width < 700})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: l.media, Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	b.do(chromedp.Navigate(address + l.fragment))
	if l.language == "en" {
		b.do(chromedp.Click(chromedp.CSS(`label[for="lang-en"]`)))
	}
	if l.open {
		b.eval(`document.querySelectorAll("details").forEach(d => { d.open = true; })`)
	}
	return b
}

func (b *tab) add(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = append(b.trouble, fmt.Sprintf(format, args...))
}

func (b *tab) troubles() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.trouble...)
}

// call runs one command of the protocol in the tab.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// do runs actions in the tab.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// value is the value of an expression on the page; a promise is awaited.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.300s: %v", expression, err)
	}
	return v
}

// eval runs statements on the page.
func (b *tab) eval(statements string) {
	b.t.Helper()
	value[chromedp.Void](b, statements)
}
