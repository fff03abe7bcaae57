// Package atrest finds out how API servers store Secrets: it creates Secrets
// through each API server and reads from that server's own metrics which
// provider transformed the values on their way to storage. That is what the
// server did, not what its configuration says, and it needs no access to nodes
// or to etcd.
//
// The control is the same server's count of requests: it must have counted the
// Secrets that were created through it, in the same process. Each look opens a
// connection of its own, so that several servers behind one address show as
// different processes instead of being taken for one.
package atrest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
)

// Doses that a pass needs, in this order: two of different size, so that a
// steady growth from elsewhere can not stand for both, and the baseline.
func Doses() []int { return []int{10, 20, 0} }

const (
	// requestLimit bounds one request.
	requestLimit = 20 * time.Second
	// countLimit is how long a server may take to count a request that it has
	// answered.
	countLimit = 5 * time.Second
)

// Probe creates Secrets through each API server and reads its metrics.
var Probe = check.NewProbe[*cluster.Env, Observation](check.ProbeMeta{
	Name:          "secrets-at-rest",
	SchemaVersion: 1,
	Timeout:       4 * time.Minute,
	Weight:        1,
	Needs: append(cluster.APIServerRights(),
		check.Right{As: check.Tenant, Verb: "create", Resource: "secrets", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "list", Resource: "secrets", Scope: check.TenantNamespaces},
		check.Right{As: check.Tenant, Verb: "deletecollection", Resource: "secrets", Scope: check.TenantNamespaces},
	),
}, Observe)

// Observe looks at each API server in turn.
func Observe(ctx context.Context, env *cluster.Env) (Observation, error) {
	o := Observation{Servers: []Server{}}
	addresses, err := env.APIServers(ctx)
	if err != nil {
		return o, &check.Stopped{Phase: "list the API servers", Err: err}
	}
	o.Listed = len(addresses)
	for i, address := range addresses {
		if i == cluster.MaxAPIServers {
			break // Listed says that there are more
		}
		s, err := observeServer(ctx, env, address, len(addresses) == 1)
		o.Servers = append(o.Servers, s)
		if err != nil {
			return o, &check.Stopped{Phase: fmt.Sprintf("API server %d of %d", i+1, len(addresses)), Err: err}
		}
	}
	return o, nil
}

func observeServer(ctx context.Context, env *cluster.Env, address string, only bool) (Server, error) {
	s := Server{Via: ViaNothing, Trouble: TroubleNone, DisabledMetrics: -1, Windows: []Window{}}
	t, via, trouble := env.Reach(ctx, address, only)
	if trouble != cluster.ServerFine {
		s.Trouble = Trouble(trouble)
		return s, ctx.Err()
	}
	s.Via = via
	longest := time.Duration(0)
	for _, dose := range Doses() {
		w, last, took, trouble := window(ctx, env, t, dose, longest)
		if trouble == TroubleNone {
			longest = max(longest, took)
			s.StorageMetrics, s.DisabledMetrics = last.storageMetrics, last.disabledMetrics
			s.Windows = append(s.Windows, w)
		}
		if deleteErr := env.DeleteAll(ctx, cluster.Secrets); deleteErr != nil && ctx.Err() == nil && trouble == TroubleNone {
			// The run's cleanup tries again and reports what it can not remove.
			trouble = TroubleServer
		}
		if trouble != TroubleNone {
			s.Trouble = trouble
			return s, ctx.Err()
		}
	}
	return s, ctx.Err()
}

// look reads the server's counts.
func look(ctx context.Context, server *cluster.APIServer) (counts, Trouble) {
	m, trouble := server.Metrics(ctx, familyTransformations, familySibling, familyRequest, familyOff)
	if trouble != cluster.ServerFine {
		return counts{}, Trouble(trouble)
	}
	return read(m), TroubleNone
}

// window counts while dose Secrets are created. The baseline, which has no
// dose, takes as long as the longest window before it. The last look and how
// long the window took come with it.
func window(ctx context.Context, env *cluster.Env, t *cluster.APIServer, dose int, atLeast time.Duration) (Window, counts, time.Duration, Trouble) {
	start := time.Now()
	before, trouble := look(ctx, t)
	if trouble != TroubleNone {
		return Window{}, counts{}, 0, trouble
	}
	for range dose {
		if trouble := createCanary(ctx, env, t.Tenant); trouble != TroubleNone {
			return Window{}, counts{}, 0, trouble
		}
	}
	if dose == 0 {
		rest := time.NewTimer(atLeast - time.Since(start))
		defer rest.Stop()
		select {
		case <-ctx.Done():
			return Window{}, counts{}, 0, TroubleTimeout
		case <-rest.C:
		}
	}
	after, trouble := counted(ctx, t, before, int64(dose))
	if trouble != TroubleNone {
		return Window{}, counts{}, 0, trouble
	}
	took := time.Since(start)
	return Window{
		Dose: dose, Seconds: took.Round(time.Millisecond).Seconds(), SameProcess: before.start == after.start,
		Requests: after.requests - before.requests, PerResource: after.perResource, Growth: after.stored.minus(before.stored),
	}, after, took, TroubleNone
}

// counted looks until the server has counted the requests of the dose, which
// it does after it has answered them, and gives the last look either way: that
// they were never counted is for the Judge.
func counted(ctx context.Context, t *cluster.APIServer, before counts, dose int64) (counts, Trouble) {
	type seen struct {
		counts  counts
		trouble Trouble
	}
	begin := time.Now()
	last, err := wait.For(ctx, countLimit+requestLimit, "the API server to count the requests",
		func(ctx context.Context) (seen, error) {
			c, trouble := look(ctx, t)
			return seen{c, trouble}, nil
		},
		func(s seen) (bool, string) {
			return s.trouble != TroubleNone || s.counts.start != before.start ||
				s.counts.requests-before.requests >= dose || time.Since(begin) > countLimit, "not yet counted"
		})
	if err != nil && last.trouble == "" {
		return counts{}, TroubleTimeout
	}
	return last.counts, last.trouble
}

// createCanary creates a Secret with a random value. Nobody needs to know it:
// what is looked at is how it was stored.
func createCanary(ctx context.Context, env *cluster.Env, through kubernetes.Interface) Trouble {
	value := make([]byte, 32)
	if _, err := rand.Read(value); err != nil {
		return TroubleSecretNoAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	_, err := env.CreateSecret(ctx, through, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bvc-canary-", Namespace: env.Namespaces[0]},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{"canary": value},
	})
	return word(err)
}

// word says what kind of trouble an API error is; messages name objects.
func word(err error) Trouble {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return TroubleNone
	case !errors.As(err, &status):
		return TroubleSecretNoAnswer
	case wait.Transient(err):
		return TroubleServer
	case apierrors.IsForbidden(err) && quota(status.Status().Message):
		return TroubleSecretQuota
	default:
		return TroubleSecretRefused
	}
}

func quota(message string) bool {
	return strings.Contains(message, "exceeded quota") || strings.Contains(message, "insufficient quota")
}
