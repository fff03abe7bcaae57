package check

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// ProbeMeta says how a probe is run.
type ProbeMeta struct {
	// Name is unique among probes, lower case with dashes.
	Name string
	// SchemaVersion of the observation type, from 1, counted up with every
	// change of its shape.
	SchemaVersion int
	// Timeout after which the run goes on without the probe; its checks are
	// then inconclusive.
	Timeout time.Duration
	// Weight is how much of the run's concurrency the probe takes, from 1.
	Weight int
	// Exclusive probes run alone: they measure time or disturb others.
	Exclusive bool
	// Needs are the rights without which the probe is not run.
	Needs []Right
}

// Probe observes once and returns a typed observation. Many checks may judge
// what one probe saw.
type Probe struct {
	ProbeMeta
	environment reflect.Type
	observe     func(ctx context.Context, env any) (any, error)
	decode      func(data []byte) (any, error)
	observation reflect.Type
}

// NewProbe makes a probe that takes an environment of type E (in this module
// *cluster.Env) and returns observations of type O. O may be returned together
// with an error: what was seen until then is kept as evidence.
func NewProbe[E, O any](meta ProbeMeta, observe func(context.Context, E) (O, error)) *Probe {
	return &Probe{
		ProbeMeta:   meta,
		environment: reflect.TypeFor[E](),
		observation: reflect.TypeFor[O](),
		observe: func(ctx context.Context, env any) (any, error) {
			e, ok := env.(E)
			if !ok {
				return nil, fmt.Errorf("probe %s takes a %s, got %T", meta.Name, reflect.TypeFor[E](), env)
			}
			return observe(ctx, e)
		},
		decode: func(data []byte) (any, error) {
			var o O
			if err := Decode(data, &o); err != nil {
				return nil, fmt.Errorf("read the observation of probe %s: %w", meta.Name, err)
			}
			return o, nil
		},
	}
}

// Observe runs the probe. The result may be non-nil together with an error.
func (p *Probe) Observe(ctx context.Context, env any) (json.RawMessage, error) {
	o, err := p.observe(ctx, env)
	data, encodeErr := json.Marshal(o)
	if encodeErr != nil {
		return nil, fmt.Errorf("write the observation of probe %s: %w", p.Name, encodeErr)
	}
	return data, err
}

// Stopped says in which phase a probe stopped and why. A probe returns it
// beside the observation it made until then.
type Stopped struct {
	// Phase in the probe's own words, such as "wait for servers".
	Phase string
	Err   error
}

// Error implements error.
func (s *Stopped) Error() string { return s.Phase + ": " + s.Err.Error() }

// Unwrap gives the cause.
func (s *Stopped) Unwrap() error { return s.Err }
