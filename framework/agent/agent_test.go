package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is a log that can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) lines(t *testing.T, nonce string) []Line {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var lines []Line
	if err := Read(bytes.NewReader(o.b.Bytes()), nonce, func(l Line) { lines = append(lines, l) }); err != nil {
		t.Fatal(err)
	}
	return lines
}

// await gives the first line that is wanted.
func (o *output) await(t *testing.T, nonce string, want func(Line) bool) Line {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for {
		for _, l := range o.lines(t, nonce) {
			if want(l) {
				return l
			}
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("no such line in %v", o.lines(t, nonce))
		}
	}
}

func isEvent(e Event) func(Line) bool { return func(l Line) bool { return l.Event == e } }

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// serve runs a server until the test ends.
func serve(t *testing.T, s Serve) *output {
	t.Helper()
	out := &output{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	out.await(t, s.Nonce, isEvent(Listening))
	return out
}

func dial(t *testing.T, d Dial) *output {
	t.Helper()
	out := &output{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("dial: %v", err)
		}
	})
	return out
}

func client(t *testing.T, nonce string, targets ...Target) Dial {
	return Dial{Nonce: nonce, Client: "client-1", Targets: targets, Interval: 10 * time.Millisecond, Timeout: 500 * time.Millisecond, ReadyPort: freePort(t)}
}

func TestEchoIsSeenByBothSides(t *testing.T) {
	port := freePort(t)
	server := serve(t, Serve{Nonce: "n", Ports: []int{port}, ReadyPort: freePort(t)})
	c := dial(t, client(t, "n", Target{Name: "server-1", Address: address(port)}))
	l := c.await(t, "n", func(l Line) bool { return l.Event == Attempt && l.Seq == 3 })
	if l.Result != Echo || l.Client != "client-1" || l.Target != "server-1" {
		t.Errorf("attempt is %+v, want an echo", l)
	}
	server.await(t, "n", func(l Line) bool { return l.Event == Seen && l.Client == "client-1" && l.Seq == 3 })
	for i, l := range c.lines(t, "n")[1:] {
		if l.Event == Attempt && l.Seq != int64(i+1) && l.Seq != int64(i) {
			t.Errorf("line %d has count %d: attempts are counted one by one", i, l.Seq)
		}
	}
}

func TestServerOfAnotherRunAnswersNothing(t *testing.T) {
	port := freePort(t)
	server := serve(t, Serve{Nonce: "theirs", Ports: []int{port}, ReadyPort: freePort(t)})
	c := dial(t, client(t, "ours", Target{Name: "s", Address: address(port)}))
	if l := c.await(t, "ours", isEvent(Attempt)); l.Result != Reset {
		t.Errorf("result %q, want %q: the connection was closed without an echo", l.Result, Reset)
	}
	for _, l := range server.lines(t, "theirs") {
		if l.Event == Seen {
			t.Errorf("saw %+v of another run", l)
		}
	}
}

// A server with several ports says of each greeting by which name it was
// dialled, over TCP and UDP.
func TestEachTargetIsToldApart(t *testing.T) {
	first, second, udp := freePort(t), freePort(t), freePort(t)
	server := serve(t, Serve{Nonce: "n", Ports: []int{first, second}, UDPPorts: []int{udp}, ReadyPort: freePort(t)})
	c := dial(t, client(t, "n", Target{Name: "one", Address: address(first)}, Target{Name: "two", Address: address(second)},
		Target{Name: "three", Address: address(udp), UDP: true}))
	for _, name := range []string{"one", "two", "three"} {
		l := c.await(t, "n", func(l Line) bool { return l.Event == Attempt && l.Target == name && l.Seq == 2 })
		if l.Result != Echo {
			t.Errorf("%s: %+v, want an echo", name, l)
		}
		server.await(t, "n", func(l Line) bool { return l.Event == Seen && l.Target == name && l.Seq == 2 })
	}
}

// A packet filter takes datagrams from a port that it let through lately for the
// same flow: each attempt needs a port of its own.
func TestUDPSourcePortsAreNotReused(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	d := client(t, "n", Target{Name: "s", Address: server.LocalAddr().String(), UDP: true}, Target{Name: "z", Address: server.LocalAddr().String(), UDP: true})
	d.Interval, d.Timeout = time.Millisecond, time.Millisecond
	dial(t, d)
	seen := map[string]bool{}
	buffer := make([]byte, maxLine)
	for range 300 {
		_, from, err := server.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if seen[from.String()] {
			t.Fatalf("%s was used twice within %d attempts", from, len(seen))
		}
		seen[from.String()] = true
	}
}

func TestUDPWithoutAListener(t *testing.T) {
	c := dial(t, client(t, "n", Target{Name: "s", Address: address(freePort(t)), UDP: true}))
	if l := c.await(t, "n", isEvent(Attempt)); l.Result != Refused {
		t.Errorf("result %q, want %q", l.Result, Refused)
	}
}

func TestUDPSilence(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	d := client(t, "n", Target{Name: "s", Address: silent.LocalAddr().String(), UDP: true})
	d.Timeout = 50 * time.Millisecond
	if l := dial(t, d).await(t, "n", isEvent(Attempt)); l.Result != TimedOut {
		t.Errorf("result %q, want %q", l.Result, TimedOut)
	}
}

func TestHostileDatagramsAreNeitherSeenNorEchoed(t *testing.T) {
	port := freePort(t)
	out := serve(t, Serve{Nonce: "n", UDPPorts: []int{port}, ReadyPort: freePort(t)})
	out.await(t, "n", isEvent(Listening))
	hostile, err := net.Dial("udp", address(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hostile.Close() })
	for _, greeting := range []string{"", "\n", "n client t\n", "other client t 1\n", "n \xff t 1\n", strings.Repeat("n ", 4000)} {
		_, _ = io.WriteString(hostile, greeting)
	}
	// It still serves, and what came before was read before.
	c := dial(t, client(t, "n", Target{Name: "s", Address: address(port), UDP: true}))
	c.await(t, "n", func(l Line) bool { return l.Result == Echo })
	for _, l := range out.lines(t, "n") {
		if l.Event == Seen && l.Client != "client-1" {
			t.Errorf("saw %+v", l)
		}
	}
	if err := hostile.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := hostile.Read(make([]byte, maxLine)); err == nil {
		t.Errorf("%d bytes came back", n)
	}
}

func TestNamesAreWords(t *testing.T) {
	for _, name := range []string{"", "two words", " s", "s\n"} {
		if err := client(t, "n", Target{Name: name, Address: "127.0.0.1:1"}).Run(t.Context(), io.Discard); err == nil {
			t.Errorf("target name %q was accepted", name)
		}
	}
}

func TestReadyOnlyAfterTheDelay(t *testing.T) {
	ready := freePort(t)
	start := time.Now()
	out := serve(t, Serve{Nonce: "n", Ports: []int{freePort(t)}, ReadyPort: ready, ReadyAfter: 300 * time.Millisecond})
	if c, err := net.Dial("tcp", address(ready)); err == nil {
		c.Close()
		t.Error("the readiness port is open before its time")
	}
	out.await(t, "n", isEvent(Ready))
	if waited := time.Since(start); waited < 300*time.Millisecond {
		t.Errorf("ready after %s", waited)
	}
	c, err := net.Dial("tcp", address(ready))
	if err != nil {
		t.Fatalf("the readiness port is not open: %v", err)
	}
	c.Close()
}

func TestHostileGreetingsAreNeitherSeenNorEchoed(t *testing.T) {
	port := freePort(t)
	out := serve(t, Serve{Nonce: "n", Ports: []int{port}, ReadyPort: freePort(t)})
	for _, greeting := range []string{
		"", "\n", "n\n", "n client\n", "n client 1\n", "n client t 1 more\n", "n client t x\n", "n client t 99999999999999999999\n",
		"other client t 1\n", "N client t 1\n", "n client t 1" /* no end */, strings.Repeat("n ", 4000) + "\n",
		"\x00\xff\xfe\n", "GET / HTTP/1.1\r\n\r\n", "n \xff t 1\n", "n " + strings.Repeat("c", maxLine) + " t 1\n",
	} {
		c, err := net.Dial("tcp", address(port))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, greeting)
		_ = c.(*net.TCPConn).CloseWrite()
		if answer, _ := io.ReadAll(c); len(answer) > 0 {
			t.Errorf("greeting %.20q got %q", greeting, answer)
		}
		c.Close()
	}
	for _, l := range out.lines(t, "n") {
		if l.Event == Seen {
			t.Errorf("saw %+v", l)
		}
	}
	// It still serves.
	c := dial(t, client(t, "n", Target{Name: "s", Address: address(port)}))
	c.await(t, "n", func(l Line) bool { return l.Result == Echo })
}

func TestWrongAnswersAreNoEcho(t *testing.T) {
	for answer, want := range map[string]Result{"something else\n": Other, "": Reset, "no end": Reset, strings.Repeat("x", 2*maxLine): Reset} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, maxLine))
				_, _ = io.WriteString(c, answer)
				c.Close()
			}
		}()
		c := dial(t, client(t, "n", Target{Name: "s", Address: l.Addr().String()}))
		if line := c.await(t, "n", isEvent(Attempt)); line.Result != want {
			t.Errorf("answer %.10q is %q, want %q", answer, line.Result, want)
		}
	}
}

func TestSilentServerTimesOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := client(t, "n", Target{Name: "s", Address: l.Addr().String()})
	d.Timeout = 50 * time.Millisecond
	if line := dial(t, d).await(t, "n", isEvent(Attempt)); line.Result != TimedOut {
		t.Errorf("result %q, want %q", line.Result, TimedOut)
	}
}

// What gets no answer does not keep the next attempts from being made, and all
// are reported one by one.
func TestAttemptsOverlap(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fourth := make(chan struct{})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				greeting, err := bufio.NewReader(c).ReadString('\n')
				if err != nil {
					return
				}
				if strings.HasSuffix(greeting, " 1\n") {
					<-t.Context().Done()
					return
				}
				_, _ = io.WriteString(c, greeting)
				if strings.HasSuffix(greeting, " 4\n") {
					close(fourth)
				}
			}()
		}
	}()
	d := client(t, "n", Target{Name: "s", Address: l.Addr().String()})
	d.Timeout = 2 * time.Second
	c := dial(t, d)
	select {
	case <-fourth:
	case <-time.After(d.Timeout):
		t.Fatal("the fourth attempt waits for the first")
	}
	for _, line := range c.lines(t, "n") {
		if line.Event == Attempt {
			t.Errorf("%+v was reported before the first ended", line)
		}
	}
	c.await(t, "n", func(l Line) bool { return l.Event == Attempt && l.Seq == 4 })
	want := int64(1)
	for _, line := range c.lines(t, "n") {
		if line.Event != Attempt {
			continue
		}
		if result := map[bool]Result{true: TimedOut, false: Echo}[want == 1]; line.Seq != want || line.Result != result {
			t.Fatalf("got %+v, want attempt %d: %s", line, want, result)
		}
		if want == 1 && line.Begun < 4 || line.Begun < line.Seq {
			t.Errorf("%+v: of those under way it says nothing", line)
		}
		want++
	}
}

func TestNobodyListeningIsRefused(t *testing.T) {
	c := dial(t, client(t, "n", Target{Name: "s", Address: address(freePort(t))}))
	if line := c.await(t, "n", isEvent(Attempt)); line.Result != Refused {
		t.Errorf("result %q, want %q", line.Result, Refused)
	}
}

func TestDialRefusesWhatWouldNeverBeSeen(t *testing.T) {
	for _, name := range []string{"", "two words", " padded", "line\nbreak"} {
		d := Dial{Nonce: "n", Client: name, Interval: time.Second, Timeout: time.Second}
		if err := d.Run(context.Background(), io.Discard); err == nil {
			t.Errorf("client name %q is taken", name)
		}
	}
	if err := (Dial{Nonce: "n", Client: "c"}).Run(context.Background(), io.Discard); err == nil {
		t.Error("an interval of zero is taken")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestDialEndsWhenNobodyReads(t *testing.T) {
	d := client(t, "n", Target{Name: "s", Address: address(freePort(t))})
	if err := d.Run(context.Background(), broken{}); err == nil {
		t.Error("no error although nothing could be written")
	}
}

type timeoutError struct{}

func (timeoutError) Error() string { return "slow" }
func (timeoutError) Timeout() bool { return true }

func TestClassify(t *testing.T) {
	wrapped := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, c := range []struct {
		err  error
		want Result
	}{
		{wrapped(syscall.ECONNREFUSED), Refused},
		{wrapped(syscall.ECONNRESET), Reset},
		{wrapped(syscall.EPIPE), Reset},
		{io.EOF, Reset},
		{wrapped(syscall.EHOSTUNREACH), Unreachable},
		{wrapped(syscall.ENETUNREACH), Unreachable},
		{wrapped(syscall.EACCES), Unreachable},
		{wrapped(syscall.EPERM), Unreachable},
		{wrapped(syscall.ETIMEDOUT), TimedOut},
		{context.DeadlineExceeded, TimedOut},
		{fmt.Errorf("read: %w", timeoutError{}), TimedOut},
		{wrapped(syscall.EMFILE), Other},
		{wrapped(syscall.EADDRNOTAVAIL), Other},
		{errors.New("anything"), Other},
	} {
		got, detail := classify(c.err)
		if got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
		if (detail != "") != (got == Other) {
			t.Errorf("%v: detail %q, want one for %q only", c.err, detail, Other)
		}
	}
}

func TestReadSkipsForeignLines(t *testing.T) {
	log := strings.Join([]string{
		`{"nonce":"n","event":"listening"}`,
		`panic: not ours`, ``, `{`, `null`, `[]`, `"n"`, `{"nonce":"n","event":7}`,
		`{"nonce":"other","event":"ready"}`, `{"event":"ready"}`,
		strings.Repeat("x", 3*readBuffer),
		`{"nonce":"n","event":"seen","client":"c","seq":1}`,
		`{"nonce":"n","event":"seen","client":"c","seq":2`, // cut off
	}, "\n")
	var got []string
	if err := Read(strings.NewReader(log), "n", func(l Line) { got = append(got, fmt.Sprint(l.Event, l.Seq)) }); err != nil {
		t.Fatal(err)
	}
	if want := "listening0 seen1"; strings.Join(got, " ") != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

// forgeries are lines with the nonce that Writer does not write.
func forgeries() map[string]string {
	return map[string]string{
		"field_twice":         `{"nonce":"n","event":"seen","event":"ready"}`,
		"nonce_twice":         `{"nonce":"other","nonce":"n","event":"seen"}`,
		"nonce_in_capitals":   `{"NONCE":"n","event":"seen"}`,
		"event_in_capitals":   `{"nonce":"n","Event":"seen"}`,
		"case_after_field":    `{"nonce":"n","event":"seen","Event":"ready"}`,
		"nonce_escaped":       `{"nonce":"\u006e","event":"seen"}`,
		"key_escaped":         `{"\u006eonce":"n","event":"seen"}`,
		"unknown_field":       `{"nonce":"n","event":"seen","more":1}`,
		"other_order":         `{"event":"seen","nonce":"n"}`,
		"spaces":              `{"nonce": "n","event":"seen"}`,
		"space_in_front":      ` {"nonce":"n","event":"seen"}`,
		"space_behind":        `{"nonce":"n","event":"seen"} `,
		"carriage_return":     `{"nonce":"n","event":"seen"}` + "\r",
		"text_behind":         `{"nonce":"n","event":"seen"}x`,
		"two_in_a_line":       `{"nonce":"n","event":"seen"}{"nonce":"n","event":"seen"}`,
		"event_missing":       `{"nonce":"n"}`,
		"null":                `{"nonce":"n","event":null}`,
		"empty_field_written": `{"nonce":"n","event":"seen","client":""}`,
		"number_as_text":      `{"nonce":"n","event":"seen","client":"c","seq":"1"}`,
		"number_with_point":   `{"nonce":"n","event":"seen","client":"c","seq":1.0}`,
		"number_with_power":   `{"nonce":"n","event":"seen","client":"c","seq":1e0}`,
		"number_too_large":    `{"nonce":"n","event":"seen","client":"c","seq":9223372036854775808}`,
		"number_minus_zero":   `{"nonce":"n","event":"seen","client":"c","seq":-0}`,
		"invalid_utf8":        `{"nonce":"n","event":"seen","client":"` + "\xff" + `"}`,
		"surrogate":           `{"nonce":"n","event":"seen","client":"\ud800"}`,
		"markup_unescaped":    `{"nonce":"n","event":"seen","client":"<"}`,
		"nul":                 `{"nonce":"n","event":"seen"}` + "\x00",
		"byte_order_mark":     "\ufeff" + `{"nonce":"n","event":"seen"}`,
		"end_of_a_long_line":  strings.Repeat("x", readBuffer) + `{"nonce":"n","event":"seen"}`,
		"longer_than_any":     `{"nonce":"n","event":"seen","client":"` + strings.Repeat("c", readBuffer) + `"}`,
		"deep":                `{"nonce":"n","event":"seen","client":` + strings.Repeat("[", 3000),
	}
}

func TestReadSkipsForgeries(t *testing.T) {
	for name, line := range forgeries() {
		taken := 0
		log := line + "\n" + `{"nonce":"n","event":"ready"}` + "\n"
		if err := Read(strings.NewReader(log), "n", func(l Line) {
			if taken++; l.Event != Ready {
				t.Errorf("%s: took %+v", name, l)
			}
		}); err != nil || taken != 1 {
			t.Errorf("%s: %d lines, error %v; the line after it is good", name, taken, err)
		}
	}
}

// TestReadTakesWhatIsWritten has lines that are hard to write.
func TestReadTakesWhatIsWritten(t *testing.T) {
	for _, client := range []string{"c", "<&>", "ä\u2028\ufeff", "\x01\x7f\u009b", `"\`, strings.Repeat("\x01", maxLine), "\U0001f600"} {
		var log bytes.Buffer
		want := Line{Nonce: "n", Event: Seen, Client: client, Seq: -1 << 63}
		if err := NewWriter(&log, "n").Write(want); err != nil {
			t.Fatal(err)
		}
		var got []Line
		if err := Read(&log, "n", func(l Line) { got = append(got, l) }); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%.20q: read %+v, %v", client, got, err)
		}
	}
}

func TestReadWithoutNonceIsAnError(t *testing.T) {
	if err := Read(strings.NewReader("{}\n"), "", func(Line) { t.Error("took a line without a nonce") }); err == nil {
		t.Error("no error")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestReadReportsABrokenStream(t *testing.T) {
	if err := Read(failing{syscall.ECONNRESET}, "n", func(Line) {}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want the stream's", err)
	}
	if err := Read(failing{context.Canceled}, "n", func(Line) {}); err != nil {
		t.Errorf("error %v: ending the reading is no fault", err)
	}
}

// FuzzRead: whatever a log holds, only whole lines with the nonce come out,
// and what the Writer wrote among them comes out unchanged.
func FuzzRead(f *testing.F) {
	f.Add([]byte("text\n"), []byte("more"))
	f.Add([]byte(`{"nonce":"other"}`+"\n"), []byte(`{"nonce":"x","event":"seen","client":"c","seq":9}`+"\n"))
	f.Add(bytes.Repeat([]byte("y"), 2*readBuffer), []byte("\n\n{"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		const nonce = "5f1d6f0c2a9b"
		if bytes.Contains(before, []byte(nonce)) || bytes.Contains(after, []byte(nonce)) {
			t.Skip("the input forges the nonce")
		}
		var log bytes.Buffer
		log.Write(before)
		log.WriteByte('\n')
		want := Line{Nonce: nonce, Event: Seen, Client: "c", Seq: 7}
		if err := NewWriter(&log, nonce).Write(want); err != nil {
			t.Fatal(err)
		}
		log.Write(after)
		var got []Line
		if err := Read(&log, nonce, func(l Line) { got = append(got, l) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("read %+v, want only %+v", got, want)
		}
	})
}

// FuzzForged: of a log of which every byte is forged, only lines come out that
// Writer writes exactly so.
func FuzzForged(f *testing.F) {
	for _, line := range forgeries() {
		f.Add([]byte(line + "\n"))
	}
	f.Add([]byte(`{"nonce":"n","event":"seen","client":"c","seq":1}` + "\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		lines := map[string]int{}
		for line := range bytes.SplitAfterSeq(log, []byte("\n")) {
			lines[string(line)]++
		}
		err := Read(bytes.NewReader(log), "n", func(l Line) {
			var written bytes.Buffer
			if err := NewWriter(&written, "n").Write(l); err != nil {
				t.Fatal(err)
			}
			if lines[written.String()]--; lines[written.String()] < 0 {
				t.Errorf("%+v came out of %q", l, log)
			}
			if len(l.Client)+len(l.Target)+len(l.Detail) > readBuffer {
				t.Errorf("%d bytes of text", len(l.Client)+len(l.Target)+len(l.Detail))
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}
