package tlsscan

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Bounds on what is read of a peer before it has answered. A ServerHello is
// below two kilobytes, with the largest hybrid key share.
const (
	maxRecords = 64
	maxRecord  = 1<<14 + 2048
	maxMessage = 8 << 10
	maxReply   = 32 << 10
)

// kind is what a peer did about a ClientHello.
type kind string

const (
	kindServerHello kind = "serverHello"
	kindRetry       kind = "helloRetryRequest"
	kindAlert       kind = "alert"
	// kindClosed is an orderly end of the connection before any byte.
	kindClosed kind = "closed"
	kindReset  kind = "reset"
	kindSilent kind = "silent"
	// kindForeign is what no TLS server sends.
	kindForeign kind = "foreign"
	// kindNotReached: no connection this time.
	kindNotReached kind = "notReached"
)

// Alerts that say no to what was offered.
const (
	alertCloseNotify          = 0
	alertHandshakeFailure     = 40
	alertProtocolVersion      = 70
	alertInsufficientSecurity = 71
)

func refusal(alert byte) bool {
	switch alert {
	case alertCloseNotify, alertHandshakeFailure, alertProtocolVersion, alertInsufficientSecurity:
		return true
	default:
		return false
	}
}

type reply struct {
	kind kind
	// version and suite that a ServerHello chose.
	version, suite uint16
	// alert is its number.
	alert byte
}

// retryRandom marks a ServerHello of TLS 1.3 that asks for another ClientHello
// (RFC 8446, section 4.1.3).
var retryRandom = [32]byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// readReply reads until a ServerHello is whole or an alert came. All that comes
// from the peer is taken for hostile.
func readReply(from io.Reader) reply {
	from = &io.LimitedReader{R: from, N: maxReply}
	var message []byte
	header := make([]byte, 5)
	for i := range maxRecords {
		if n, err := io.ReadFull(from, header); err != nil {
			return ended(err, n == 0 && i == 0)
		}
		length := int(binary.BigEndian.Uint16(header[3:]))
		if header[1] != 3 || length == 0 || length > maxRecord {
			return reply{kind: kindForeign}
		}
		switch header[0] {
		case recordHandshake, recordAlert, recordChangeCipherSpec:
		default:
			return reply{kind: kindForeign}
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(from, payload); err != nil {
			return ended(err, false)
		}
		switch header[0] {
		case recordAlert:
			if length != 2 {
				return reply{kind: kindForeign}
			}
			if warning := payload[0] == 1; warning && !refusal(payload[1]) {
				continue // such as unrecognized_name: the answer follows
			}
			return reply{kind: kindAlert, alert: payload[1]}
		case recordHandshake:
			message = append(message, payload...)
			if len(message) < 4 {
				continue
			}
			size := int(message[1])<<16 | int(message[2])<<8 | int(message[3])
			if message[0] != messageServerHello || size > maxMessage {
				return reply{kind: kindForeign}
			}
			if len(message)-4 >= size {
				return parseServerHello(message[4 : 4+size])
			}
		}
	}
	return reply{kind: kindForeign}
}

// ended says what the end of a connection was; one in the middle of an answer
// is no orderly end.
func ended(err error, before bool) reply {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return reply{kind: kindSilent}
	case errors.Is(err, io.EOF) && before:
		return reply{kind: kindClosed}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return reply{kind: kindForeign}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reply{kind: kindReset}
	default:
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return reply{kind: kindSilent}
		}
		return reply{kind: kindReset}
	}
}

func parseServerHello(b []byte) reply {
	foreign := reply{kind: kindForeign}
	if len(b) < 2+32+1 {
		return foreign
	}
	r := reply{kind: kindServerHello, version: binary.BigEndian.Uint16(b)}
	if [32]byte(b[2:34]) == retryRandom {
		r.kind = kindRetry
	}
	session := int(b[34])
	b = b[35:]
	if session > 32 || len(b) < session+3 {
		return foreign
	}
	b = b[session:]
	r.suite = binary.BigEndian.Uint16(b)
	b = b[3:] // and the compression
	if len(b) == 0 {
		return r
	}
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return foreign
	}
	for b = b[2:]; len(b) > 0; {
		if len(b) < 4 {
			return foreign
		}
		which, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if b = b[4:]; len(b) < size {
			return foreign
		}
		if which == extensionSupportedVersions {
			if size != 2 {
				return foreign
			}
			r.version = binary.BigEndian.Uint16(b)
		}
		b = b[size:]
	}
	if r.kind == kindRetry && r.version != versionTLS13 {
		r.kind = kindServerHello // the same bytes by chance, or to deceive
	}
	return r
}
