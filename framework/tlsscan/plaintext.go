package tlsscan

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// maxPlain bounds what is read of an answer in plain text.
const maxPlain = 4 << 10

var statusLine = regexp.MustCompile(`^HTTP/[0-9](?:\.[0-9])? ([1-5][0-9][0-9])(?: |\r|\n)`)

// plaintext asks in plain HTTP. Whether the port speaks TLS tells what a bare
// "bad request" is about.
func (w *work) plaintext(speaksTLS bool) Answer {
	for try := 1; ; try++ {
		v, word := w.plainOnce(speaksTLS)
		if v != Undecided || try >= w.Tries || !w.pause() {
			return Answer{v, word, try}
		}
	}
}

func (w *work) plainOnce(speaksTLS bool) (Verdict, string) {
	c, err := w.dial()
	if err != nil {
		return Undecided, string(kindNotReached)
	}
	// Closing an answered connection decides nothing.
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: bvc\r\nConnection: close\r\n\r\n", w.address); err != nil {
		if ended(err, false).kind == kindSilent {
			return Undecided, string(kindSilent)
		}
		return Refused, string(kindReset)
	}
	answer, err := io.ReadAll(io.LimitReader(c, maxPlain))
	return plainAnswer(answer, err, speaksTLS)
}

// toHTTPS is the header of a redirect.
var toHTTPS = regexp.MustCompile(`(?im)^location:[ \t]*https://`)

// plainAnswer says what an answer to plain HTTP means. err is how reading it
// ended. A server that has decided for TLS may say so in plain text.
func plainAnswer(answer []byte, err error, speaksTLS bool) (Verdict, string) {
	if m := statusLine.FindSubmatch(answer); m != nil {
		status, _ := strconv.Atoi(string(m[1])) // three digits
		switch {
		// A proxy on the way says so of a server that it did not reach, as one does
		// that takes both for a server with TLS only. Where nothing spoke TLS, the
		// server may just be down behind it.
		case status >= 502 && status <= 504:
			return Undecided, fmt.Sprintf("status %d", status)
		case speaksTLS && (status == 426 || status/100 == 3 && toHTTPS.Match(answer)):
			return Refused, "sent to https"
		case status != 400:
		case mentionsTLS(answer):
			return Refused, "status 400, wants TLS"
		case speaksTLS:
			return Undecided, "status 400"
		}
		return Offered, fmt.Sprintf("status %d", status)
	}
	if http2(answer) {
		return Offered, "HTTP/2"
	}
	switch {
	case len(answer) > 0 && answer[0] == recordAlert:
		return Refused, string(kindAlert)
	case len(answer) > 0:
		return Refused, string(kindForeign) // no HTTP
	case err == nil:
		return Refused, string(kindClosed)
	case ended(err, false).kind == kindSilent:
		return Undecided, string(kindSilent)
	default:
		return Refused, string(kindReset)
	}
}

// http2 reports whether the answer begins with an HTTP/2 SETTINGS frame, which
// a gRPC server without TLS sends before anything else.
func http2(b []byte) bool {
	return len(b) >= 9 && b[0] == 0 && b[1] == 0 && b[2]%6 == 0 && b[3] == 4 && bytes.Equal(b[4:9], make([]byte, 5))
}

// mentionsTLS: servers word it differently and mean the same.
func mentionsTLS(answer []byte) bool {
	s := strings.ToLower(string(answer))
	return strings.Contains(s, "https") || strings.Contains(s, "tls") || strings.Contains(s, "ssl")
}
