// Package agent is the program that runs inside probe pods: one process, one
// role. It speaks in JSON lines on standard output, which reach the runner
// through the kubelet and not through the pod network that is under test. Each
// line carries the run's nonce, so that nothing else in a log can be taken for
// an answer.
package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/tlsscan"
)

// Event is what a line says.
type Event string

// Events.
const (
	// Listening: serve accepts connections.
	Listening Event = "listening"
	// Ready: the readiness port is open.
	Ready Event = "ready"
	// Seen: serve read a whole greeting of a client; written before the echo.
	Seen Event = "seen"
	// Attempt: dial finished one attempt.
	Attempt Event = "attempt"
	// Stopping: the process was asked to end.
	Stopping Event = "stopping"
	// Sent: send finished one stream (Line.Stream).
	Sent Event = "sent"
	// Sniffing: sniff says what one device let out so far (Line.Sniffed).
	Sniffing Event = "sniffing"
	// Asked: knock or listening asked a port one question (Line.Question).
	Asked Event = "asked"
	// Finished: knock or listening made all attempts.
	Finished Event = "finished"
	// Listener: listening looked where a port listens (Line.Scope).
	Listener Event = "listener"
	// LookedAt: scan looked at a server (Line.Scan) at the address Seq of its target.
	LookedAt Event = "scanned"
)

// Result is how one attempt of a client ended.
type Result string

// Results. Only Echo is proof of a way through; Refused, Reset, Unreachable
// and TimedOut say that there was none this time; Other says that the client
// itself could not try or that somebody else answered, which proves nothing.
const (
	Echo        Result = "echo"
	TimedOut    Result = "timeout"
	Refused     Result = "refused"
	Reset       Result = "reset"
	Unreachable Result = "unreachable"
	Other       Result = "other"
	// Connected: knock got a connection; that is an answer.
	Connected Result = "connected"
	// Answered: a question was answered with a status (Line.Status).
	Answered Result = "answered"
	// CertificateWanted: TLS ended because there was no client certificate.
	CertificateWanted Result = "certificateWanted"
)

// Line is one line of output.
type Line struct {
	Nonce string `json:"nonce"`
	Event Event  `json:"event"`
	// Client and Seq name an attempt: the client's name and a count from 1.
	Client string `json:"client,omitempty"`
	Seq    int64  `json:"seq,omitempty"`
	// Begun counts the attempts on the same target that had begun when the client
	// reported this one: those after Seq are under way.
	Begun int64 `json:"begun,omitempty"`
	// Target is the name by which the client dialled the server.
	Target string `json:"target,omitempty"`
	Result Result `json:"result,omitempty"`
	// Detail of an Other result.
	Detail string `json:"detail,omitempty"`
	// Port on which receive listens.
	Port    int      `json:"port,omitempty"`
	Stream  *Stream  `json:"stream,omitempty"`
	Sniffed *Sniffed `json:"sniffed,omitempty"`
	// Question that was asked, and the status of the answer.
	Question Question `json:"question,omitempty"`
	Status   int      `json:"status,omitempty"`
	Scope    Scope    `json:"scope,omitempty"`
	// Scan is what a server offers.
	Scan *tlsscan.Result `json:"scan,omitempty"`
}

// maxLine bounds a greeting and its echo.
const maxLine = 512

// Writer writes lines from several goroutines.
type Writer struct {
	nonce string
	mu    sync.Mutex
	enc   *json.Encoder
}

// NewWriter writes lines with the nonce to w.
func NewWriter(w io.Writer, nonce string) *Writer {
	return &Writer{nonce: nonce, enc: json.NewEncoder(w)}
}

// Write writes one line. An error means that nobody reads any more: the agent
// then has no purpose, and its role ends.
func (w *Writer) Write(l Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.Nonce = w.nonce
	return w.enc.Encode(l)
}

// Read reads lines with the nonce from a log until it ends, and hands each to
// each. Lines of other origin are skipped, whatever their length: a log may
// hold a runtime's own text. So is a line that Writer would have written
// otherwise, because encoding/json takes fields twice, in other case and with
// others beside them, and two readers could see two lines in it. A last line
// without its end is skipped too: the stream broke off, and whoever reads the
// log again gets it whole.
func Read(r io.Reader, nonce string, each func(Line)) error {
	if nonce == "" {
		return errors.New("read the agent's log: no nonce to tell its lines by")
	}
	buffered := bufio.NewReaderSize(r, readBuffer)
	for tooLong := false; ; {
		text, err := buffered.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			tooLong = true
			continue
		case errors.Is(err, io.EOF), errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return fmt.Errorf("read the agent's log: %w", err)
		}
		if l, ok := parse(text); ok && !tooLong && l.Nonce == nonce {
			each(l)
		}
		tooLong = false
	}
}

// parse gives the line that Writer wrote as this text.
func parse(text []byte) (Line, bool) {
	var l Line
	if json.Unmarshal(text, &l) != nil {
		return l, false
	}
	written, err := json.Marshal(l)
	return l, err == nil && bytes.Equal(append(written, '\n'), text)
}

// readBuffer is longer than any line of the agent: a greeting of maxLine bytes,
// each of them escaped to six, or a scan with the names of 64 suites.
const readBuffer = 8 << 10

// Serve is the role of a server.
type Serve struct {
	Nonce string
	// Ports on which greetings are echoed over TCP, UDPPorts over UDP.
	Ports    []int
	UDPPorts []int
	// ReadyPort is opened ReadyAfter the start; a readiness probe asks there.
	ReadyPort  int
	ReadyAfter time.Duration
}

// Run serves until ctx ends, or until one of the ports can not be served any
// more: a server that went on with the others would look shut off.
func (s Serve) Run(ctx context.Context, out io.Writer) error {
	w := NewWriter(out, s.Nonce)
	serving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var listen net.ListenConfig
	var listeners []net.Listener
	var sockets []net.PacketConn
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
		for _, c := range sockets {
			c.Close()
		}
	}()
	for _, port := range s.Ports {
		l, err := listen.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return fmt.Errorf("listen for greetings: %w", err)
		}
		listeners = append(listeners, l)
	}
	for _, port := range s.UDPPorts {
		c, err := listen.ListenPacket(ctx, "udp", ":"+strconv.Itoa(port))
		if err != nil {
			return fmt.Errorf("listen for greetings: %w", err)
		}
		sockets = append(sockets, c)
	}
	if err := w.Write(Line{Event: Listening}); err != nil {
		return err
	}
	go becomeReady(serving, w, s.ReadyPort, s.ReadyAfter)
	for _, l := range listeners {
		go func() { cancel(s.accept(serving, l, w)) }()
	}
	for _, c := range sockets {
		go func() { cancel(s.receive(serving, c, w)) }()
	}
	<-serving.Done()
	if ctx.Err() == nil {
		return context.Cause(serving)
	}
	return w.Write(Line{Event: Stopping})
}

// accept serves a TCP port until that is not possible any more.
func (s Serve) accept(ctx context.Context, l net.Listener, w *Writer) error {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			go s.greet(c, w)
		case ctx.Err() != nil:
			return ctx.Err()
		case !passing(err):
			return fmt.Errorf("accept: %w", err)
		default:
			pause(ctx, acceptPause)
		}
	}
}

// receive serves a UDP port until that is not possible any more.
func (s Serve) receive(ctx context.Context, c net.PacketConn, w *Writer) error {
	buffer := make([]byte, maxLine)
	for {
		n, from, err := c.ReadFrom(buffer)
		switch {
		case err == nil:
			if line := string(buffer[:n]); s.saw(line, w) {
				_, _ = c.WriteTo([]byte(line), from) // as below
			}
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			// What a client's host answered to an echo shows here.
			pause(ctx, acceptPause)
		}
	}
}

// acceptPause is the time given to open connections to end.
const acceptPause = 100 * time.Millisecond

// passing reports whether accepting may work again: a peer that gave up or
// opened too many connections must not end the server.
func passing(err error) bool {
	return errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// becomeReady opens the port after the delay and accepts whatever comes.
func becomeReady(ctx context.Context, w *Writer, port int, after time.Duration) {
	pause(ctx, after)
	if ctx.Err() != nil {
		return
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		fmt.Fprintln(os.Stderr, "open the readiness port:", err)
		return
	}
	context.AfterFunc(ctx, func() { l.Close() })
	if w.Write(Line{Event: Ready}) != nil {
		return
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// greet reads a greeting, says that it was seen, and echoes it.
func (s Serve) greet(c net.Conn, w *Writer) {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxLine)).ReadString('\n')
	if err != nil {
		return
	}
	if s.saw(line, w) {
		// A lost echo is the client's to notice; that it was seen is already said.
		_, _ = io.WriteString(c, line)
	}
}

// saw says that a greeting was seen, and reports whether it was one:
// "nonce client target seq\n".
func (s Serve) saw(line string, w *Writer) bool {
	words := strings.Fields(line)
	if len(words) != 4 || words[0] != s.Nonce || !utf8.ValidString(line) {
		return false
	}
	seq, err := strconv.ParseInt(words[3], 10, 64)
	return err == nil && w.Write(Line{Event: Seen, Client: words[1], Target: words[2], Seq: seq}) == nil
}

// Target is a server to dial.
type Target struct {
	// Name without spaces.
	Name string
	// Address is host:port.
	Address string
	// UDP instead of TCP.
	UDP bool
}

// Dial is the role of a client: it dials every target once per Interval from a
// new source port, whether the attempts before have ended or not, and reports
// the attempts on each target in their order.
type Dial struct {
	Nonce    string
	Client   string
	Targets  []Target
	Interval time.Duration
	// Timeout is how long an attempt may take.
	Timeout time.Duration
	// ReadyPort is opened at the start, for the probes that some clusters
	// demand of every pod.
	ReadyPort int
}

// ended is what became of an attempt.
type ended struct {
	result Result
	detail string
}

// Run dials until ctx ends.
func (d Dial) Run(ctx context.Context, out io.Writer) error {
	if len(strings.Fields(d.Client)) != 1 || strings.TrimSpace(d.Client) != d.Client {
		return fmt.Errorf("client name %q: want one word, for it is a word of the greeting", d.Client)
	}
	for _, t := range d.Targets {
		if len(strings.Fields(t.Name)) != 1 || strings.TrimSpace(t.Name) != t.Name {
			return fmt.Errorf("target name %q: want one word, for it is a word of the greeting", t.Name)
		}
	}
	if d.Interval <= 0 || d.Timeout <= 0 {
		return fmt.Errorf("interval %s and timeout %s: want both above zero", d.Interval, d.Timeout)
	}
	w := NewWriter(out, d.Nonce)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go becomeReady(ctx, w, d.ReadyPort, 0)
	var source sourcePorts
	source.next.Store(rand.Uint32())
	var all sync.WaitGroup
	var once sync.Once
	var writeErr error
	for _, t := range d.Targets {
		// The attempts that can be under way at once.
		begun := make(chan chan ended, d.Timeout/d.Interval+1)
		var count atomic.Int64
		all.Go(func() {
			defer close(begun)
			tick := time.NewTicker(d.Interval)
			defer tick.Stop()
			for seq := int64(1); ; seq++ {
				end := make(chan ended, 1)
				count.Store(seq)
				go func() {
					result, detail := d.attempt(ctx, t, seq, &source)
					end <- ended{result, detail}
				}()
				select {
				case <-ctx.Done():
					return
				case begun <- end:
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
		all.Go(func() {
			seq := int64(0)
			for end := range begun {
				e := <-end
				seq++
				if ctx.Err() != nil {
					continue // cut short, as all that follow
				}
				if err := w.Write(Line{Event: Attempt, Client: d.Client, Target: t.Name, Seq: seq, Begun: count.Load(), Result: e.result, Detail: e.detail}); err != nil {
					once.Do(func() { writeErr = err; cancel() })
				}
			}
		})
	}
	all.Wait()
	if writeErr != nil {
		return fmt.Errorf("report an attempt: %w", writeErr)
	}
	return w.Write(Line{Event: Stopping})
}

// sourcePorts gives a UDP port that this client has not used for long: to the
// packet filters on the way a datagram from a port that was let through a
// minute ago belongs to that flow, whatever their rules say meanwhile.
type sourcePorts struct{ next atomic.Uint32 }

const firstSourcePort, countSourcePorts = 30000, 30000

func (s *sourcePorts) address() *net.UDPAddr {
	return &net.UDPAddr{Port: firstSourcePort + int(s.next.Add(1)%countSourcePorts)}
}

func (d Dial) attempt(ctx context.Context, t Target, seq int64, source *sourcePorts) (Result, string) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	var dialer net.Dialer
	network := "tcp"
	if t.UDP {
		network, dialer.LocalAddr = "udp", source.address()
	}
	c, err := dialer.DialContext(ctx, network, t.Address)
	for range 10 {
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		dialer.LocalAddr = source.address()
		c, err = dialer.DialContext(ctx, network, t.Address)
	}
	if err != nil {
		return classify(err)
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return Other, "set the deadline"
	}
	greeting := fmt.Sprintf("%s %s %s %d\n", d.Nonce, d.Client, t.Name, seq)
	if _, err := io.WriteString(c, greeting); err != nil {
		return classify(err)
	}
	echo, err := bufio.NewReader(io.LimitReader(c, maxLine)).ReadString('\n')
	if err == nil && echo == greeting {
		return Echo, ""
	}
	if err == nil {
		return Other, "an answer that is not our echo"
	}
	return classify(err)
}

func classify(err error) (Result, string) {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, ""
	// A proxy in between accepts the connection and closes it where a packet
	// filter resets it.
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return Reset, ""
	// EACCES and EPERM: what "administratively prohibited" in IPv6 and a filter
	// on the client's own side look like.
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.ENOPROTOOPT),
		errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return Unreachable, ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut, ""
	default:
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return Other, errno.Error()
		}
		return Other, "dial failed"
	}
}
