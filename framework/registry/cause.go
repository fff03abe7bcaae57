package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Cause is the class of what kept a registry from answering.
type Cause string

// Causes.
const (
	// NotFound: there is no such image or repository.
	NotFound Cause = "notFound"
	// Unauthorised: the credentials are missing, wrong, or may not do this.
	Unauthorised Cause = "unauthorised"
	// TLS: the certificate is not trusted, or the registry has none.
	TLS Cause = "tls"
	// DNS: the name has no address.
	DNS Cause = "dns"
	// Unreachable: nothing answers at the address.
	Unreachable Cause = "unreachable"
	// Timeout: the answer took too long.
	Timeout Cause = "timeout"
	// RateLimited: the registry asks for fewer requests.
	RateLimited Cause = "rateLimited"
	// Unexpected is whatever else: no registry, an error of the server, an
	// answer that is too large or another one than was asked for.
	Unexpected Cause = "unexpected"
)

// Error is a failure with its class. Its text repeats no more of what the
// registry said than the status and the codes of the specification.
type Error struct {
	Cause Cause
	// Doing says what was being done.
	Doing string
	// Err is the failure itself, which may quote the registry.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return e.Doing + ": " + e.detail() }

// Unwrap gives the failure itself.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) detail() string {
	var answered *transport.Error
	switch {
	case errors.As(e.Err, &answered):
		text := fmt.Sprintf("the registry answered %d %s", answered.StatusCode, http.StatusText(answered.StatusCode))
		for i, d := range answered.Errors {
			if i == 3 {
				break
			}
			if code := string(d.Code); len(code) <= 40 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == "" {
				text += " " + code
			}
		}
		return text
	case errors.Is(e.Err, http.ErrSchemeMismatch):
		return "the registry speaks plain HTTP where TLS is expected"
	}
	var asked *url.Error
	if errors.As(e.Err, &asked) {
		return asked.Err.Error()
	}
	return e.Err.Error()
}

// CauseOf gives the class of an error, Unexpected for one without.
func CauseOf(err error) Cause {
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return Unexpected
}

// failed wraps an error with what was being done and its class. An error that
// has a class keeps it.
func failed(err error, format string, args ...any) error {
	doing := fmt.Sprintf(format, args...)
	var known *Error
	if errors.As(err, &known) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return &Error{Cause: classify(err), Doing: doing, Err: err}
}

func classify(err error) Cause {
	var answered *transport.Error
	if errors.As(err, &answered) {
		switch answered.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return Unauthorised
		case http.StatusNotFound:
			return NotFound
		case http.StatusTooManyRequests:
			return RateLimited
		case http.StatusRequestTimeout, http.StatusGatewayTimeout:
			return Timeout
		}
		return Unexpected
	}
	var (
		noName      *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		network     net.Error
		operation   *net.OpError
	)
	switch {
	case errors.As(err, &noName):
		return DNS
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &record), errors.As(err, &alert),
		errors.Is(err, http.ErrSchemeMismatch):
		return TLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Timeout
	case errors.As(err, &operation), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Unreachable
	case errors.Is(err, errPlain):
		// Last, as for a local name the library tries both: what TLS met counts.
		return TLS
	}
	return Unexpected
}
