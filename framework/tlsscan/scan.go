// Package tlsscan finds out what a TLS server offers, by ClientHellos made by
// hand: one protocol version at a time, from SSL 3.0 to TLS 1.3, and one class
// of cipher suites at a time, among them those that Go's own client can not
// offer. A server decides on both before it asks for a client's certificate, so
// mutual TLS does not stand in the way, and nothing is read beyond the
// ServerHello or the alert.
//
// A ServerHello of the version that was asked for means that it is offered. An
// alert that refuses, an orderly close, or a ServerHello of another version
// means that it is not. Everything else says nothing and is tried again. That
// the server refused means something only between two offers of what it should
// take, and these are recorded.
package tlsscan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// Reach is whether a connection came about.
type Reach string

// Values of Reach.
const (
	Reached Reach = "reached"
	// ReachRefused: nothing listens there, as far as can be seen from here.
	ReachRefused Reach = "refused"
	// ReachTimedOut: no answer, as from a packet filter.
	ReachTimedOut Reach = "timedOut"
	// ReachNoRoute: the network has no way there.
	ReachNoRoute Reach = "noRoute"
	// ReachNoName: the name has no address.
	ReachNoName Reach = "noName"
	// ReachNotTried: it did not come to that.
	ReachNotTried Reach = "notTried"
)

// Verdict is what is known of one thing that was asked for.
type Verdict string

// Verdicts.
const (
	Offered   Verdict = "offered"
	Refused   Verdict = "refused"
	Undecided Verdict = "undecided"
	// NotAsked: it did not come to that.
	NotAsked Verdict = "notAsked"
)

// Answer is what the server did when it was asked for one thing.
type Answer struct {
	Verdict Verdict `json:"verdict"`
	// How in a word: the suite that was chosen, "alert 70", "closed",
	// "version 0x0302", "silent", "reset", "foreign", "notReached".
	How string `json:"how"`
	// Tries until the answer.
	Tries int `json:"tries"`
}

// Versions has the answer for each version.
type Versions struct {
	SSL30 Answer `json:"ssl30"`
	TLS10 Answer `json:"tls10"`
	TLS11 Answer `json:"tls11"`
	TLS12 Answer `json:"tls12"`
	TLS13 Answer `json:"tls13"`
}

// any reports whether a version is offered.
func (v Versions) any() bool {
	return slices.ContainsFunc([]Answer{v.SSL30, v.TLS10, v.TLS11, v.TLS12, v.TLS13}, func(a Answer) bool { return a.Verdict == Offered })
}

// Classes has the answer for each class of suites.
type Classes struct {
	Null      Answer `json:"null"`
	Anonymous Answer `json:"anonymous"`
	Export    Answer `json:"export"`
	RC4       Answer `json:"rc4"`
	DES       Answer `json:"des"`
}

// Suites are the accepted ones of TLS 1.2 and 1.3 that are of no Class.
type Suites struct {
	Names []string `json:"names"`
	Count int      `json:"count"`
	// Complete says that the server was asked until it refused.
	Complete bool `json:"complete"`
}

// Result is what is known of one server.
type Result struct {
	Reach Reach `json:"reach"`
	// Before and After are offers of what every server should take: all
	// ordinary suites in TLS 1.3 and 1.2.
	Before      Answer      `json:"before"`
	After       Answer      `json:"after"`
	Versions    Versions    `json:"versions"`
	Classes     Classes     `json:"classes"`
	Suites      Suites      `json:"suites"`
	Plaintext   Answer      `json:"plaintext"`
	Certificate Certificate `json:"certificate"`
	// Connections that were made.
	Connections int `json:"connections"`
}

// Unreached is the result for a server that was not looked at.
func Unreached(reach Reach) Result {
	no := Answer{Verdict: NotAsked}
	return Result{
		Reach: reach, Before: no, After: no, Versions: Versions{no, no, no, no, no}, Classes: Classes{no, no, no, no, no},
		Suites: Suites{Names: []string{}}, Plaintext: no, Certificate: Certificate{Key: KeyUnknown},
	}
}

// Scanner scans servers.
type Scanner struct {
	// Connect bounds a connection's making, Answer what the server does then.
	Connect, Answer time.Duration
	// Tries of what remains undecided.
	Tries int
	// Now is the time against which certificates are held.
	Now time.Time
}

const (
	// maxAccepted bounds the search for accepted suites.
	maxAccepted = 64
	// between two tries of the same.
	between = 100 * time.Millisecond
)

// Scan looks at the server at an address, host:port. The name is for SNI and
// may be empty.
func (s Scanner) Scan(ctx context.Context, address, name string) Result {
	w := &work{Scanner: s, ctx: ctx, address: address, name: name}
	r := Unreached(ReachNotTried)
	if r.Reach = w.reach(); r.Reach != Reached {
		r.Connections = int(w.connections.Load())
		return r
	}
	r.Before = w.control()
	if r.Before.How == string(kindSilent) {
		// Every question would take its full time. Only plain HTTP is left to ask
		// for, because a server that has nothing else is silent as well.
		r.Plaintext = w.plaintext(false)
	} else {
		w.versions(&r.Versions)
		w.classes(&r.Classes, r.Versions)
		r.Suites = w.suites(r.Versions)
		r.Plaintext = w.plaintext(r.Before.Verdict == Offered || r.Versions.any())
		r.Certificate = w.certificate()
		r.After = w.control()
	}
	r.Connections = int(w.connections.Load())
	return r
}

// work is the scan of one server.
type work struct {
	Scanner
	ctx           context.Context
	address, name string
	connections   atomic.Int64
}

func (w *work) dial() (net.Conn, error) {
	dialer := net.Dialer{Timeout: w.Connect}
	c, err := dialer.DialContext(w.ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	w.connections.Add(1)
	if err := c.SetDeadline(time.Now().Add(w.Answer)); err != nil {
		return nil, errors.Join(fmt.Errorf("set the deadline: %w", err), c.Close())
	}
	return c, nil
}

func (w *work) reach() Reach {
	var last Reach
	for range max(w.Tries, 1) {
		c, err := w.dial()
		if err == nil {
			// A connection that nothing was written to has nothing to lose.
			_ = c.Close()
			return Reached
		}
		last = reachOf(err)
		if last != ReachTimedOut || w.ctx.Err() != nil {
			break
		}
	}
	return last
}

func reachOf(err error) Reach {
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &name):
		return ReachNoName
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReachRefused
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ReachTimedOut
	default:
		return ReachNoRoute
	}
}

// once sends one hello and reads the reply.
func (w *work) once(hello []byte) reply {
	c, err := w.dial()
	if err != nil {
		return reply{kind: kindNotReached}
	}
	// Closing an answered connection decides nothing.
	defer func() { _ = c.Close() }()
	if _, err := c.Write(hello); err != nil {
		return ended(err, false)
	}
	return readReply(c)
}

// ask sends hellos until meaning is said, and gives the reply that said it, or the last one.
func (w *work) ask(versions, suites []uint16, judge func(reply) Verdict) (Answer, reply) {
	var last reply
	closed := false
	for try := 1; ; try++ {
		hello, err := clientHello(versions, suites, w.name)
		if err != nil {
			return Answer{Undecided, "no hello", try}, last
		}
		last = w.once(hello)
		v := judge(last)
		// Who closes may do so because of how many have come: it is a no when the
		// same is closed again, and what every server should take was taken between.
		if v == Refused && last.kind == kindClosed {
			if closed {
				return Answer{v, how(last), try}, last
			}
			v, closed = Undecided, w.alive()
		}
		if v != Undecided || try >= w.Tries || !w.pause() {
			return Answer{v, how(last), try}, last
		}
	}
}

// alive reports whether the server takes an offer that every server should take.
func (w *work) alive() bool {
	hello, err := clientHello([]uint16{versionTLS12, versionTLS13}, append(ordinary(true), ordinary(false)...), w.name)
	return err == nil && w.pause() && answered(w.once(hello))
}

// pause reports whether there is time for another try.
func (w *work) pause() bool {
	timer := time.NewTimer(between)
	defer timer.Stop()
	select {
	case <-w.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// how says a reply in a word.
func how(r reply) string {
	switch r.kind {
	case kindServerHello, kindRetry:
		return "0x" + hex16(r.version) + " " + NameOf(r.suite)
	case kindAlert:
		return fmt.Sprintf("alert %d", r.alert)
	default:
		return string(r.kind)
	}
}

// refusedBy reports whether the reply is a server's no.
func refusedBy(r reply) bool {
	return r.kind == kindClosed || r.kind == kindAlert && refusal(r.alert)
}

func answered(r reply) bool { return r.kind == kindServerHello || r.kind == kindRetry }

// control offers what every server should take.
func (w *work) control() Answer {
	a, _ := w.ask([]uint16{versionTLS12, versionTLS13}, append(ordinary(true), ordinary(false)...), func(r reply) Verdict {
		switch {
		case answered(r) && (r.version == versionTLS12 || r.version == versionTLS13):
			return Offered
		case answered(r), refusedBy(r):
			return Refused
		default:
			return Undecided
		}
	})
	return a
}

func (w *work) versions(out *Versions) {
	for _, v := range []struct {
		version uint16
		answer  *Answer
	}{
		{versionTLS13, &out.TLS13}, {versionTLS12, &out.TLS12}, {versionTLS11, &out.TLS11}, {versionTLS10, &out.TLS10}, {versionSSL30, &out.SSL30},
	} {
		*v.answer, _ = w.ask([]uint16{v.version}, everything(v.version == versionTLS13), func(r reply) Verdict {
			switch {
			case answered(r) && r.version == v.version:
				return Offered
			case answered(r), refusedBy(r):
				return Refused
			default:
				return Undecided
			}
		})
	}
}

// classes asks for each class in TLS 1.2, which a server answers with what
// version it has, and where older versions are offered in these as well: a
// server may have other suites for them. A class is refused only where each of
// the hellos was.
func (w *work) classes(out *Classes, versions Versions) {
	asked := []uint16{versionTLS12}
	for _, v := range []struct {
		version uint16
		answer  Answer
	}{{versionTLS11, versions.TLS11}, {versionTLS10, versions.TLS10}, {versionSSL30, versions.SSL30}} {
		if v.answer.Verdict == Offered {
			asked = append(asked, v.version)
		}
	}
	for _, c := range []struct {
		class  Class
		answer *Answer
	}{{ClassNull, &out.Null}, {ClassAnonymous, &out.Anonymous}, {ClassExport, &out.Export}, {ClassRC4, &out.RC4}, {ClassDES, &out.DES}} {
		*c.answer = w.class(asked, inClass(c.class, false))
		if c.answer.Verdict == Offered {
			continue
		}
		if modern := inClass(c.class, true); len(modern) > 0 {
			*c.answer = worse(*c.answer, w.class([]uint16{versionTLS13}, modern))
		}
	}
}

func (w *work) class(versions, suites []uint16) Answer {
	var all Answer
	for i, version := range versions {
		a, _ := w.ask([]uint16{version}, suites, func(r reply) Verdict {
			switch {
			case answered(r) && slices.Contains(suites, r.suite):
				return Offered
			case refusedBy(r):
				return Refused
			default: // also a suite that nobody offered
				return Undecided
			}
		})
		if i == 0 {
			all = a
			continue
		}
		all = worse(all, a)
	}
	return all
}

// worse joins two answers to one question: offered over undecided over refused.
func worse(a, b Answer) Answer {
	rank := func(v Verdict) int { return slices.Index([]Verdict{Refused, Undecided, Offered}, v) }
	tries := max(a.Tries, b.Tries)
	if rank(b.Verdict) > rank(a.Verdict) {
		a = b
	}
	a.Tries = tries
	return a
}

// suites finds the accepted ones by taking away the chosen one until the server
// refuses the rest.
func (w *work) suites(versions Versions) Suites {
	out := Suites{Names: []string{}, Complete: true}
	for _, v := range []struct {
		version uint16
		answer  Answer
	}{{versionTLS13, versions.TLS13}, {versionTLS12, versions.TLS12}} {
		if v.answer.Verdict != Offered {
			continue
		}
		left := ordinary(v.version == versionTLS13)
		for len(left) > 0 {
			if len(out.Names) == maxAccepted {
				out.Complete = false
				break
			}
			a, r := w.ask([]uint16{v.version}, left, func(r reply) Verdict {
				switch {
				case answered(r) && r.version == v.version && slices.Contains(left, r.suite):
					return Offered
				case answered(r) && r.version != v.version, refusedBy(r):
					return Refused
				default:
					return Undecided
				}
			})
			if a.Verdict != Offered {
				out.Complete = out.Complete && a.Verdict == Refused
				break
			}
			out.Names = append(out.Names, NameOf(r.suite))
			left = slices.DeleteFunc(left, func(id uint16) bool { return id == r.suite })
		}
	}
	out.Count = len(out.Names)
	return out
}
