package agent

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Stream is what became of one stream.
type Stream struct {
	// SentBytes is the payload that the sender wrote, ReceivedBytes what the
	// receiver says arrived.
	SentBytes     int64 `json:"sentBytes"`
	ReceivedBytes int64 `json:"receivedBytes"`
	// Confirmed: the receiver's digest is the sender's. Of datagrams it is that
	// of each one that arrived.
	Confirmed bool `json:"confirmed"`
}

// Protocols of a stream.
const (
	overTCP = "tcp"
	overUDP = "udp"
)

const (
	// datagramBody fits, with its header and that of any overlay, into what a
	// network must carry.
	datagramBody = 30 * CanarySize
	// datagramsAtOnce are sent between two pauses, so that a receiver with a
	// quarter of a core keeps up.
	datagramsAtOnce = 8
	datagramPause   = 2 * time.Millisecond
	// connectLimit is how long a way may take to open: rules for new pods and
	// Services are written after they are ready.
	connectLimit = 20 * time.Second
	connectPause = 500 * time.Millisecond
	streamLimit  = 60 * time.Second
	// quiet is how long no datagram came before the receiver takes the rest for lost.
	quiet = 500 * time.Millisecond
	// maxStream bounds what a receiver takes of one sender.
	maxStream = 256 << 20
)

// Receive is the role of a receiver of streams. A sender connects by TCP and
// says "nonce stream protocol bytes\n". Over TCP the bytes follow, over UDP they
// come as datagrams "nonce stream\n" with a body of the same bytes each, and the
// sender says "end\n". The answer is "digest bytes\n".
type Receive struct {
	Nonce string
	// Port for TCP and UDP; 0 lets the system choose.
	Port int
	// ReadyPort is opened once the receiver listens; 0 for none.
	ReadyPort int
}

// datagrams counts what came of one stream.
type datagrams struct {
	digest [sha256.Size]byte
	bytes  int64
	last   time.Time
}

type receiver struct {
	nonce string
	mu    sync.Mutex
	// streams under way, by name.
	streams map[string]*datagrams
}

// Run receives until ctx ends.
func (r Receive) Run(ctx context.Context, out io.Writer) error {
	if r.Nonce == "" || strings.ContainsAny(r.Nonce, " \n") {
		return errors.New("receive: the nonce is not one word")
	}
	w := NewWriter(out, r.Nonce)
	var listen net.ListenConfig
	streams, err := listen.Listen(ctx, "tcp", ":"+strconv.Itoa(r.Port))
	if err != nil {
		return fmt.Errorf("listen for streams: %w", err)
	}
	defer streams.Close()
	port := streams.Addr().(*net.TCPAddr).Port
	packets, err := listen.ListenPacket(ctx, "udp", ":"+strconv.Itoa(port))
	if err != nil {
		return fmt.Errorf("listen for datagrams: %w", err)
	}
	defer packets.Close()
	if buffered, ok := packets.(*net.UDPConn); ok {
		// A smaller buffer loses more, which the answer says.
		_ = buffered.SetReadBuffer(4 << 20)
	}
	stop := context.AfterFunc(ctx, func() { streams.Close(); packets.Close() })
	defer stop()
	all := &receiver{nonce: r.Nonce, streams: map[string]*datagrams{}}
	go all.collect(packets)
	if err := w.Write(Line{Event: Listening, Port: port}); err != nil {
		return err
	}
	if r.ReadyPort != 0 {
		go becomeReady(ctx, w, r.ReadyPort, 0)
	}
	for {
		c, err := streams.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return w.Write(Line{Event: Stopping})
			}
			if !passing(err) {
				return fmt.Errorf("accept: %w", err)
			}
			pause(ctx, acceptPause)
			continue
		}
		go all.receive(ctx, c)
	}
}

// collect counts datagrams of streams that were announced.
func (r *receiver) collect(packets net.PacketConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		head, body, ok := strings.Cut(string(buffer[:n]), "\n")
		nonce, stream, two := strings.Cut(head, " ")
		if !ok || !two || nonce != r.nonce {
			continue
		}
		digest := sha256.Sum256([]byte(body))
		r.mu.Lock()
		// One with another body is not the sender's.
		if d := r.streams[stream]; d != nil && (d.bytes == 0 || d.digest == digest) {
			d.digest, d.bytes, d.last = digest, d.bytes+int64(len(body)), time.Now()
		}
		r.mu.Unlock()
	}
}

// receive answers one sender. What is not one of ours gets no answer.
func (r *receiver) receive(ctx context.Context, c net.Conn) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(streamLimit)) != nil {
		return
	}
	in := bufio.NewReaderSize(c, 64<<10)
	line, err := in.ReadSlice('\n')
	words := strings.Fields(string(line))
	if err != nil || len(words) != 4 || words[0] != r.nonce {
		return
	}
	size, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil || size < 0 || size > maxStream {
		return
	}
	switch words[2] {
	case overTCP:
		digest := sha256.New()
		n, err := io.CopyN(digest, in, size)
		if err != nil {
			return
		}
		answer(c, digest.Sum(nil), n)
	case overUDP:
		d := &datagrams{last: time.Now()}
		r.mu.Lock()
		r.streams[words[1]] = d
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.streams, words[1])
		}()
		if _, err := io.WriteString(c, "ready\n"); err != nil {
			return
		}
		if end, err := in.ReadString('\n'); err != nil || end != "end\n" {
			return
		}
		for {
			r.mu.Lock()
			got := *d
			r.mu.Unlock()
			if got.bytes >= size || time.Since(got.last) > quiet {
				answer(c, got.digest[:], got.bytes)
				return
			}
			pause(ctx, acceptPause)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// answer is the receiver's last word; a lost one is the sender's to notice.
func answer(c net.Conn, digest []byte, n int64) {
	_, _ = fmt.Fprintf(c, "%s %d\n", hex.EncodeToString(digest), n)
}

// Outbound is one stream to send.
type Outbound struct {
	// Name is one word and tells the stream from others.
	Name string
	// Protocol is tcp or udp, Address host:port.
	Protocol, Address string
	Canary            Canary
	// Bytes of payload, rounded up to whole canaries or datagrams.
	Bytes int64
}

// ParseOutbound reads "name,protocol,host:port,bytes,canary".
func ParseOutbound(text string) (Outbound, error) {
	f := strings.Split(text, ",")
	if len(f) != 5 || f[0] == "" || strings.ContainsAny(f[0], " \n") || f[1] != overTCP && f[1] != overUDP {
		return Outbound{}, fmt.Errorf("%q is not of the form name,tcp|udp,host:port,bytes,canary", text)
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil || size <= 0 || size > maxStream {
		return Outbound{}, fmt.Errorf("%q: %q is no number of bytes up to %d", text, f[3], maxStream)
	}
	canary, err := ParseCanary(f[4])
	if err != nil {
		return Outbound{}, err
	}
	return Outbound{Name: f[0], Protocol: f[1], Address: f[2], Bytes: size, Canary: canary}, nil
}

// String is what ParseOutbound reads.
func (o Outbound) String() string {
	return fmt.Sprintf("%s,%s,%s,%d,%s", o.Name, o.Protocol, o.Address, o.Bytes, o.Canary)
}

// Send is the role of a sender: it sends each stream once, one after the other,
// says of each what became of it, and then waits to be ended.
type Send struct {
	Nonce   string
	Streams []Outbound
	// ReadyPort is opened at the start; 0 for none.
	ReadyPort int
}

// Run sends.
func (s Send) Run(ctx context.Context, out io.Writer) error {
	w := NewWriter(out, s.Nonce)
	if s.ReadyPort != 0 {
		go becomeReady(ctx, w, s.ReadyPort, 0)
	}
	for _, o := range s.Streams {
		stream, err := o.send(ctx, s.Nonce)
		if ctx.Err() != nil {
			break
		}
		line := Line{Event: Sent, Target: o.Name, Stream: &stream, Result: Echo}
		if err != nil {
			line.Result, line.Detail = classify(err)
		}
		if err := w.Write(line); err != nil {
			return fmt.Errorf("report a stream: %w", err)
		}
	}
	<-ctx.Done()
	return w.Write(Line{Event: Stopping})
}

// connect tries until the way is open.
func (o Outbound) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	var last error
	for {
		dialer, began := net.Dialer{Timeout: connectPause * 4}, time.Now()
		c, err := dialer.DialContext(ctx, "tcp", o.Address)
		if err == nil {
			return c, nil
		}
		// An attempt that the end cut short says less than the one before it. The context may say that it ended only
		// after the attempt did.
		cut := ctx.Err() != nil || os.IsTimeout(err) && time.Since(began) < dialer.Timeout
		if last == nil || !cut {
			last = err
		}
		pause(ctx, connectPause)
		if ctx.Err() != nil {
			return nil, last
		}
	}
}

func (o Outbound) send(ctx context.Context, nonce string) (Stream, error) {
	var s Stream
	c, err := o.connect(ctx)
	if err != nil {
		return s, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(streamLimit)); err != nil {
		return s, err
	}
	in := bufio.NewReader(io.LimitReader(c, maxLine))
	body := strings.Repeat(string(o.Canary[:]), datagramBody/CanarySize)
	count := (o.Bytes + datagramBody - 1) / datagramBody
	if _, err := fmt.Fprintf(c, "%s %s %s %d\n", nonce, o.Name, o.Protocol, count*datagramBody); err != nil {
		return s, err
	}
	var digest []byte
	switch o.Protocol {
	case overTCP:
		sum := sha256.New()
		// Written in large pieces: the kernel makes segments as full as the path takes.
		piece := []byte(strings.Repeat(body, 64))
		for left := count * datagramBody; left > 0; {
			n, err := c.Write(piece[:min(left, int64(len(piece)))])
			sum.Write(piece[:n])
			s.SentBytes, left = s.SentBytes+int64(n), left-int64(n)
			if err != nil {
				return s, err
			}
		}
		digest = sum.Sum(nil)
	case overUDP:
		if ready, err := in.ReadString('\n'); err != nil || ready != "ready\n" {
			return s, errors.Join(err, errors.New("the receiver is not ready for datagrams"))
		}
		if err := o.datagrams(ctx, nonce, body, count, &s); err != nil {
			return s, err
		}
		if _, err := io.WriteString(c, "end\n"); err != nil {
			return s, err
		}
		sum := sha256.Sum256([]byte(body))
		digest = sum[:]
	}
	said, err := in.ReadString('\n')
	if err != nil {
		return s, err
	}
	words := strings.Fields(said)
	if len(words) != 2 {
		return s, errors.New("an answer that is not our receiver's")
	}
	if s.ReceivedBytes, err = strconv.ParseInt(words[1], 10, 64); err != nil || s.ReceivedBytes < 0 {
		return s, errors.New("an answer that is not our receiver's")
	}
	s.Confirmed = words[0] == hex.EncodeToString(digest) && s.ReceivedBytes > 0 && s.ReceivedBytes <= s.SentBytes
	return s, nil
}

func (o Outbound) datagrams(ctx context.Context, nonce, body string, count int64, s *Stream) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "udp", o.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	packet := []byte(nonce + " " + o.Name + "\n" + body)
	for i := range count {
		// A refusal of an earlier one, or a full queue, is a lost datagram.
		if _, err := c.Write(packet); err == nil {
			s.SentBytes += int64(len(body))
		}
		if i%datagramsAtOnce == datagramsAtOnce-1 {
			pause(ctx, datagramPause)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}
