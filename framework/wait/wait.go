// Package wait polls for a condition and always says what it saw last.
package wait

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Interval between two looks. Short enough that a probe's own pace, not ours,
// decides how long it takes; long enough for a busy API server.
const Interval = 250 * time.Millisecond

// TimeoutError says that a condition did not come about.
type TimeoutError struct {
	// What was awaited, such as "pod client-x to run".
	What string
	// Waited is how long.
	Waited time.Duration
	// State is the last state seen, empty when none was.
	State string
	// Last is the last error of a look, nil when the last look succeeded. A look
	// that the end of the wait cut short counts only where nothing was seen before.
	Last error
	// Cause is why waiting ended before its limit, nil at the limit.
	Cause error
}

// Error implements error.
func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("waited %s for %s", e.Waited.Round(100*time.Millisecond), e.What)
	if e.State != "" {
		s += ": last state " + e.State
	}
	if e.Last != nil {
		s += fmt.Sprintf("; last error: %v", e.Last)
	}
	if e.Cause != nil {
		s += fmt.Sprintf(" (%v)", e.Cause)
	}
	return s
}

// Unwrap gives the last error and the cause.
func (e *TimeoutError) Unwrap() []error { return []error{e.Last, e.Cause} }

// For looks until done reports true, and returns what get returned last. get's
// transient errors (see Transient) are retried; any other ends the wait at
// once. state is what the error will show as the last state.
func For[T any](ctx context.Context, limit time.Duration, what string,
	get func(context.Context) (T, error), done func(T) (ok bool, state string)) (T, error) {
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	failure := &TimeoutError{What: what}
	var last T
	for {
		got, err := get(limited)
		switch {
		case err == nil:
			last = got
			ok, state := done(got)
			if ok {
				return got, nil
			}
			failure.State, failure.Last = state, nil
		case limited.Err() != nil:
			// The look was cut short by our own limit: the state before it says
			// more, where there is one.
			if failure.State == "" && failure.Last == nil {
				failure.Last = err
			}
		case Transient(err):
			failure.Last = err
		default:
			return last, fmt.Errorf("wait for %s: %w", what, err)
		}
		select {
		case <-limited.Done():
			failure.Waited, failure.Cause = time.Since(start), ctx.Err()
			return last, failure
		case <-tick.C:
		}
	}
}

// Transient reports whether an API error may be gone at the next look:
// timeouts, too many requests, server errors, and lost connections. Refusals
// and missing objects are not.
func Transient(err error) bool {
	if err == nil {
		return false
	}
	if apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) {
		return true
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return status.Status().Code >= 500
	}
	return true // no answer of an API server at all
}
