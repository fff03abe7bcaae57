package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Ask is what knock and listening ask a port that let them in.
type Ask string

// What is asked.
const (
	// AskNothing: that the connection stands says enough.
	AskNothing Ask = ""
	// AskKubelet asks for the kubelet's pods over TLS, without credentials and
	// with the pod's own token where one is mounted.
	AskKubelet Ask = "kubelet"
	// AskKubeletPlain asks for the same without TLS and credentials.
	AskKubeletPlain Ask = "kubelet-plain"
	// AskEtcd asks for etcd's version, over TLS without a client certificate and
	// without TLS.
	AskEtcd Ask = "etcd"
)

// Question is one of the questions that an Ask is made of.
type Question string

// Questions.
const (
	Anonymous Question = "anonymous"
	WithToken Question = "token"
	// WithoutTLS is a request in clear.
	WithoutTLS Question = "plain"
)

// ControlName is the name under which knock reports its control.
const ControlName = "control"

// Knocked is a port to knock at.
type Knocked struct {
	// Name is one word.
	Name string
	// Address is host:port.
	Address string
	Ask     Ask
}

// ParseKnocked reads name=host:port or name=ask:host:port.
func ParseKnocked(text string) (Knocked, error) {
	name, address, ok := strings.Cut(text, "=")
	k := Knocked{Name: name, Address: address}
	for _, ask := range []Ask{AskKubelet, AskKubeletPlain, AskEtcd} {
		if rest, found := strings.CutPrefix(address, string(ask)+":"); found {
			k.Ask, k.Address = ask, rest
		}
	}
	if _, _, err := net.SplitHostPort(k.Address); err != nil || !ok || oneWord(name) != nil {
		return k, fmt.Errorf("%q is not of the form name=host:port or name=ask:host:port, where ask is kubelet, kubelet-plain or etcd", text)
	}
	return k, nil
}

func oneWord(name string) error {
	if len(strings.Fields(name)) != 1 || strings.TrimSpace(name) != name {
		return fmt.Errorf("name %q: want one word", name)
	}
	return nil
}

// Knock is the role of a pod that tries ports that should not let it in: a few
// rounds over all of them, one attempt at a time begun, each from a new source
// port. It sends nothing to a port but the questions of its Ask, once.
type Knock struct {
	Nonce  string
	Client string
	// Control is a server (Serve) that is greeted before each round and after
	// the last one; without an address there is none. The first round waits at
	// most Settle until it answers: policies need a time to be in force.
	Control Target
	Settle  time.Duration
	Targets []Knocked
	Rounds  int
	// Every is the time between two attempts, Span at least that between the
	// first round's begin and the last one's.
	Every, Span time.Duration
	Timeout     time.Duration
	// TokenFile holds the pod's own token; it may be missing.
	TokenFile string
	// ReadyPort is opened at the start; 0 is none.
	ReadyPort int
}

// Run knocks, says that it has finished, and waits until ctx ends.
func (k Knock) Run(ctx context.Context, out io.Writer) error {
	if k.Rounds < 1 || k.Every <= 0 || k.Timeout <= 0 || k.Span < 0 {
		return fmt.Errorf("%d rounds, every %s, timeout %s, span %s: want all above zero", k.Rounds, k.Every, k.Timeout, k.Span)
	}
	if err := oneWord(k.Client); err != nil {
		return fmt.Errorf("client's %w", err)
	}
	w := NewWriter(out, k.Nonce)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if k.ReadyPort != 0 {
		go becomeReady(ctx, w, k.ReadyPort, 0)
	}
	if err := k.knock(ctx, w); err != nil {
		return err
	}
	if ctx.Err() == nil {
		if err := w.Write(Line{Event: Finished, Client: k.Client}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return w.Write(Line{Event: Stopping})
}

// knock makes all rounds and waits for their ends.
func (k Knock) knock(ctx context.Context, w *Writer) error {
	r := &rounds{Knock: k, w: w, asked: make([]sync.Once, len(k.Targets))}
	tick := time.NewTicker(k.Every)
	defer tick.Stop()
	r.settle(ctx)
	start := time.Now()
	for round := range k.Rounds {
		if k.Rounds > 1 {
			pause(ctx, time.Until(start.Add(k.Span*time.Duration(round)/time.Duration(k.Rounds-1))))
		}
		r.greet(ctx, int64(round+1))
		for i := range k.Targets {
			select {
			case <-ctx.Done():
				r.all.Wait()
				return r.err
			case <-tick.C:
			}
			r.all.Go(func() { r.attempt(ctx, i, int64(round+1)) })
		}
	}
	r.all.Wait()
	r.greet(ctx, int64(k.Rounds+1))
	return r.err
}

// rounds is the state of one knock.
type rounds struct {
	Knock
	w     *Writer
	asked []sync.Once
	all   sync.WaitGroup
	once  sync.Once
	err   error
}

func (r *rounds) write(ctx context.Context, l Line) {
	if ctx.Err() != nil {
		return // what was cut off says nothing of the port
	}
	l.Client = r.Client
	if err := r.w.Write(l); err != nil {
		r.once.Do(func() { r.err = fmt.Errorf("report an attempt: %w", err) })
	}
}

// settle greets the control until it answers and writes nothing; whether it
// ever did, the first round tells.
func (r *rounds) settle(ctx context.Context) {
	if r.Control.Address == "" {
		return
	}
	limited, cancel := context.WithTimeout(ctx, r.Settle)
	defer cancel()
	d := Dial{Nonce: r.Nonce, Client: r.Client, Timeout: r.Timeout}
	for limited.Err() == nil {
		if result, _ := d.attempt(limited, r.Control, 0, new(sourcePorts)); result == Echo {
			return
		}
		pause(limited, r.Every)
	}
}

func (r *rounds) greet(ctx context.Context, seq int64) {
	if r.Control.Address == "" || ctx.Err() != nil {
		return
	}
	result, detail := Dial{Nonce: r.Nonce, Client: r.Client, Timeout: r.Timeout}.attempt(ctx, r.Control, seq, new(sourcePorts))
	r.write(ctx, Line{Event: Attempt, Target: r.Control.Name, Seq: seq, Result: result, Detail: detail})
}

func (r *rounds) attempt(ctx context.Context, i int, seq int64) {
	t := r.Targets[i]
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	var dialer net.Dialer
	c, err := dialer.DialContext(limited, "tcp", t.Address)
	cancel()
	result, detail := Connected, ""
	if err != nil {
		result, detail = classify(err)
	} else {
		c.Close()
	}
	r.write(ctx, Line{Event: Attempt, Target: t.Name, Seq: seq, Result: result, Detail: detail})
	if result == Connected {
		r.asked[i].Do(func() { r.ask(ctx, t) })
	}
}

// ask asks the questions of a target and writes each answer's status.
func (r *rounds) ask(ctx context.Context, t Knocked) {
	seq := int64(0)
	say := func(q Question, url, token string) {
		seq++
		result, status := r.request(ctx, url, token)
		r.write(ctx, Line{Event: Asked, Target: t.Name, Seq: seq, Question: q, Result: result, Status: status})
	}
	switch t.Ask {
	case AskKubelet:
		say(Anonymous, "https://"+t.Address+"/pods", "")
		if token, err := os.ReadFile(r.TokenFile); err == nil && r.TokenFile != "" {
			say(WithToken, "https://"+t.Address+"/pods", strings.TrimSpace(string(token)))
		}
	case AskKubeletPlain:
		say(WithoutTLS, "http://"+t.Address+"/pods", "")
	case AskEtcd:
		say(Anonymous, "https://"+t.Address+"/version", "")
		say(WithoutTLS, "http://"+t.Address+"/version", "")
	}
}

// request gives the status of an answer, and never looks at its body.
func (r *rounds) request(ctx context.Context, url, token string) (Result, int) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Other, 0
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{
		DisableKeepAlives: true, TLSHandshakeTimeout: r.Timeout,
		// Who answers is not known, and the pod's memory is small.
		MaxResponseHeaderBytes: 64 << 10,
		// Kubelets make their own certificates, which nobody can verify. The token
		// is that of an account without rights and short-lived.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}
	defer transport.CloseIdleConnections()
	// Not through a client, which would follow redirects to elsewhere.
	response, err := transport.RoundTrip(request)
	if err != nil {
		// With TLS 1.3 a server asks for a certificate and says only later that it
		// misses it: an alert.
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "remote error" {
			return CertificateWanted, 0
		}
		result, _ := classify(err)
		return result, 0
	}
	_ = response.Body.Close() // it says nothing
	return Answered, response.StatusCode
}
