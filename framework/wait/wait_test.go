package wait

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	pods      = schema.GroupResource{Resource: "pods"}
	busy      = apierrors.NewTooManyRequests("slow down", 1)
	forbidden = apierrors.NewForbidden(pods, "p", errors.New("no"))
)

// step is what one look gives.
type step struct {
	n   int
	err error
}

// watch waits for a number of 100 or more; the last step is repeated for ever.
func watch(ctx context.Context, limit time.Duration, looks *int, steps ...step) (int, error) {
	return For(ctx, limit, "the number to be 100", func(context.Context) (int, error) {
		s := steps[min(*looks, len(steps)-1)]
		*looks++
		return s.n, s.err
	}, func(n int) (bool, string) { return n >= 100, fmt.Sprintf("n=%d", n) })
}

func TestFor(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration
		steps []step
		want  int
		looks int
		took  time.Duration
		// err is the whole message; "" is no error.
		err string
		is  error
	}{
		"at once": {limit: time.Minute, steps: []step{{n: 100}}, want: 100, looks: 1},
		"awaited": {
			limit: time.Minute, steps: []step{{n: 1}, {n: 2}, {n: 100}}, want: 100, looks: 3, took: 2 * Interval,
		},
		"transient errors on the way": {
			limit: time.Minute, steps: []step{{err: busy}, {n: 1}, {err: io.ErrUnexpectedEOF}, {err: busy}, {n: 100}}, want: 100, looks: 5, took: 4 * Interval,
		},
		// An error ends the wait at once and keeps what was seen.
		"refused": {
			limit: time.Minute, steps: []step{{n: 7}, {err: forbidden}, {n: 100}}, want: 7, looks: 2, took: Interval,
			err: `wait for the number to be 100: pods "p" is forbidden: no`, is: forbidden,
		},
		// A value beside an error is not a look.
		"value beside an error": {
			limit: 600 * time.Millisecond, steps: []step{{n: 5}, {n: 100, err: busy}}, want: 5, looks: 3, took: 600 * time.Millisecond,
			err: "waited 600ms for the number to be 100: last state n=5; last error: slow down", is: busy,
		},
		"never": {
			limit: time.Second + Interval/2, steps: []step{{n: 1}, {n: 2}, {n: 3}}, want: 3, looks: 5, took: time.Second + Interval/2,
			err: "waited 1.1s for the number to be 100: last state n=3",
		},
		// A good look takes the error before it back.
		"error that went away": {
			limit: 600 * time.Millisecond, steps: []step{{err: busy}, {n: 3}}, want: 3, looks: 3, took: 600 * time.Millisecond,
			err: "waited 600ms for the number to be 100: last state n=3",
		},
		"only errors": {
			limit: 600 * time.Millisecond, steps: []step{{err: io.EOF}, {err: busy}}, looks: 3, took: 600 * time.Millisecond,
			err: "waited 600ms for the number to be 100; last error: slow down", is: busy,
		},
		// Without any time there is still one look.
		"no time":           {steps: []step{{n: 100}}, want: 100, looks: 1},
		"shorter than tick": {limit: time.Millisecond, steps: []step{{n: 4}}, want: 4, looks: 1, took: time.Millisecond, err: "waited 0s for the number to be 100: last state n=4"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, looks := time.Now(), 0
				got, err := watch(t.Context(), c.limit, &looks, c.steps...)
				if got != c.want || looks != c.looks || time.Since(began) != c.took {
					t.Errorf("got %d after %d looks and %s, want %d, %d, %s", got, looks, time.Since(began), c.want, c.looks, c.took)
				}
				if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
					t.Errorf("error %q, want %q", err, c.err)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("error %v does not wrap %v", err, c.is)
				}
				// At its own limit nobody ended the wait.
				var timeout *TimeoutError
				if errors.As(err, &timeout) && (timeout.Cause != nil || errors.Is(err, context.DeadlineExceeded) || timeout.Waited != c.took) {
					t.Errorf("cause %v, waited %s at the limit of %s", timeout.Cause, timeout.Waited, c.limit)
				}
			})
		})
	}
}

// TestForIsEnded proves that the caller's context ends the wait at once, and
// that the error says that, beside what was seen last.
func TestForIsEnded(t *testing.T) {
	for name, c := range map[string]struct {
		with  func(context.Context) (context.Context, context.CancelFunc)
		cause error
		took  time.Duration
		looks int
		err   string
	}{
		"cancelled": {
			with: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(600*time.Millisecond, cancel)
				return ctx, cancel
			},
			cause: context.Canceled, took: 600 * time.Millisecond, looks: 3,
			err: "waited 600ms for the number to be 100: last state n=1 (context canceled)",
		},
		"out of time before the limit": {
			with: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 600*time.Millisecond)
			},
			cause: context.DeadlineExceeded, took: 600 * time.Millisecond, looks: 3,
			err: "waited 600ms for the number to be 100: last state n=1 (context deadline exceeded)",
		},
		"cancelled before": {
			with: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx, cancel
			},
			cause: context.Canceled, looks: 1,
			err: "waited 0s for the number to be 100: last state n=1 (context canceled)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := c.with(t.Context())
				defer cancel()
				began, looks := time.Now(), 0
				got, err := watch(ctx, time.Hour, &looks, step{n: 1})
				if got != 1 || looks != c.looks || time.Since(began) != c.took {
					t.Errorf("got %d after %d looks and %s, want 1, %d, %s", got, looks, time.Since(began), c.looks, c.took)
				}
				var timeout *TimeoutError
				if !errors.As(err, &timeout) || !errors.Is(timeout.Cause, c.cause) || !errors.Is(err, c.cause) || err.Error() != c.err {
					t.Errorf("error %v, want %q with the cause %v", err, c.err, c.cause)
				}
			})
		})
	}
}

// TestForCutShort proves that a look gets the limit through its context, and
// what a look that it cuts short leaves in the error: the state before it, and
// where there was none, that the look did not succeed.
func TestForCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		first *step
		err   string
	}{
		"after a state":  {&step{n: 1}, "waited 1s for x: last state n=1"},
		"after an error": {&step{err: busy}, "waited 1s for x; last error: slow down"},
		"at once":        {nil, "waited 1s for x; last error: get pods: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looks := 0
				_, err := For(t.Context(), time.Second, "x", func(ctx context.Context) (int, error) {
					looks++
					if c.first != nil && looks == 1 {
						return c.first.n, c.first.err
					}
					<-ctx.Done() // an API server that does not answer
					return 0, fmt.Errorf("get pods: %w", ctx.Err())
				}, func(n int) (bool, string) { return false, fmt.Sprintf("n=%d", n) })
				var timeout *TimeoutError
				if !errors.As(err, &timeout) || err.Error() != c.err || timeout.Cause != nil {
					t.Errorf("error %v, want %q", err, c.err)
				}
			})
		})
	}
}

// TestForSlowLooks proves that looks which take longer than the interval
// follow each other and are not caught up on.
func TestForSlowLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		_, err := For(t.Context(), time.Minute, "x", func(context.Context) (int, error) {
			looks++
			time.Sleep(4 * Interval)
			return looks, nil
		}, func(n int) (bool, string) { return n == 3, "" })
		if took := time.Since(began); err != nil || looks != 3 || took != 12*Interval {
			t.Errorf("%d looks in %s, error %v, want 3 in %s", looks, took, err, 12*Interval)
		}
	})
}

func TestTransient(t *testing.T) {
	status := func(code int32, reason metav1.StatusReason) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: "m"}}
	}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"timeout", apierrors.NewTimeoutError("m", 1), true},
		{"server timeout", apierrors.NewServerTimeout(pods, "get", 1), true},
		{"too many requests", busy, true},
		{"429 without a reason", status(http.StatusTooManyRequests, ""), true},
		{"internal", apierrors.NewInternalError(errors.New("webhook unreachable")), true},
		{"unavailable", apierrors.NewServiceUnavailable("m"), true},
		{"500 without a reason", status(http.StatusInternalServerError, ""), true},
		{"500 with a reason of its own", status(http.StatusInternalServerError, metav1.StatusReasonStoreReadError), true},
		{"502 without a reason", status(http.StatusBadGateway, ""), true},
		{"502 of a proxy", apierrors.NewGenericServerResponse(http.StatusBadGateway, "get", pods, "p", "m", 0, false), true},
		{"504 without a reason", status(http.StatusGatewayTimeout, ""), true},
		{"connection refused", &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, true},
		{"connection reset", syscall.ECONNRESET, true},
		{"end of the connection", io.ErrUnexpectedEOF, true},
		{"request out of time", fmt.Errorf("get: %w", context.DeadlineExceeded), true},
		{"wrapped", fmt.Errorf("get: %w", busy), true},
		{"no answer of an API server", x509.UnknownAuthorityError{}, true},

		{"forbidden", forbidden, false},
		{"wrapped forbidden", fmt.Errorf("get: %w", forbidden), false},
		{"unauthorized", apierrors.NewUnauthorized("m"), false},
		{"not found", apierrors.NewNotFound(pods, "p"), false},
		{"conflict", apierrors.NewConflict(pods, "p", errors.New("m")), false},
		{"exists", apierrors.NewAlreadyExists(pods, "p"), false},
		{"invalid", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil), false},
		{"bad request", apierrors.NewBadRequest("m"), false},
		{"method", apierrors.NewMethodNotSupported(pods, "get"), false},
		{"gone", apierrors.NewResourceExpired("m"), false},
		{"403 without a reason", status(http.StatusForbidden, ""), false},
		{"of another wait, refused", &TimeoutError{What: "x", Last: forbidden}, false},
		{"of another wait, busy", &TimeoutError{What: "x", Last: busy}, true},
	} {
		if got := Transient(c.err); got != c.want {
			t.Errorf("%s (%v): transient %v, want %v", c.name, c.err, got, c.want)
		}
	}
}

// TestTimeoutError proves that nothing that is known is left out of the
// message, nor anything said that is not.
func TestTimeoutError(t *testing.T) {
	last, cause := errors.New("refused"), errors.New("stopped")
	for _, c := range []struct {
		err  TimeoutError
		want string
	}{
		{TimeoutError{What: "x", Waited: 1234 * time.Millisecond}, "waited 1.2s for x"},
		{TimeoutError{What: "x", Waited: time.Second, State: "Pending"}, "waited 1s for x: last state Pending"},
		{TimeoutError{What: "x", Waited: time.Second, Last: last}, "waited 1s for x; last error: refused"},
		{TimeoutError{What: "x", Waited: time.Second, Cause: cause}, "waited 1s for x (stopped)"},
		{TimeoutError{What: "x", Waited: time.Second, State: "Pending", Last: last, Cause: cause}, "waited 1s for x: last state Pending; last error: refused (stopped)"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("message %q, want %q", got, c.want)
		}
		if errors.Is(&c.err, last) != strings.Contains(c.want, "refused") || errors.Is(&c.err, cause) != strings.Contains(c.want, "stopped") {
			t.Errorf("%q does not wrap what it names", c.want)
		}
	}
}
