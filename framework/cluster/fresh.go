package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/wait"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// FreshManifest grants what making fresh namespaces needs, and fences it.
const FreshManifest = "rbac-fresh.yaml"

// FreshPrefix begins the name of every fresh namespace; nothing else is ever
// removed as one.
const FreshPrefix = "bvc-fresh-"

// Fence is the name of the policy and of the binding in FreshManifest that keep
// the runner's writes to fresh namespaces.
const Fence = "bvc-runner-fence"

const (
	// freshLimit bounds each wait for a fresh namespace to become usable.
	freshLimit = 30 * time.Second
	// goneEvery is the time between two looks for a namespace that goes: its
	// controllers need seconds.
	goneEvery = time.Second
	// lateLimit is how long a namespace may still appear whose creation was never
	// answered.
	lateLimit = 5 * time.Second
)

// FreshRights are what a probe needs to make a fresh namespace and its tenant.
func FreshRights() []check.Right {
	right := func(verb, group, resource, name string) check.Right {
		return check.Right{As: check.Runner, Verb: verb, Group: group, Resource: resource, Name: name, OptIn: FreshManifest}
	}
	return []check.Right{
		right("create", "", "namespaces", ""), right("get", "", "namespaces", ""), right("delete", "", "namespaces", ""),
		right("create", "", "serviceaccounts", ""), right("get", "", "serviceaccounts", ""),
		right("create", "", "serviceaccounts/token", TenantServiceAccount),
		right("create", rbacv1.GroupName, "rolebindings", ""), right("bind", rbacv1.GroupName, "clusterroles", "edit"),
	}
}

// Fresh stops unless the site applied FreshManifest, which it knows by the fence.
// It makes a namespace that has no label but those of the run, as the runner,
// with a tenant of its own, and returns the environment of that tenant. The
// purpose tells the namespaces of one run apart, in their names. The
// namespace's removal is registered before the request is sent; what is made in
// it goes with it. The error says in which phase it stopped.
func (e *Env) Fresh(ctx context.Context, purpose string) (*Env, error) {
	name := FreshPrefix + e.RunID + "-" + purpose
	stopped := func(phase string, err error) (*Env, error) {
		return nil, &check.Stopped{Phase: phase, Err: CreateTrouble(err)}
	}
	if err := e.fenced(ctx); err != nil {
		return nil, &check.Stopped{Phase: "find the ValidatingAdmissionPolicyBinding " + Fence + " (" + FreshManifest + ")", Err: err}
	}
	e.owned.addFresh(name)
	_, err := e.Runner.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: e.Labels(nil)}}, metav1.CreateOptions{})
	if answered(err) {
		e.owned.answeredFresh(name)
	}
	if err != nil {
		return stopped("make the namespace", err)
	}
	accounts := e.Runner.CoreV1().ServiceAccounts(name)
	// Without the account that controllers make, every pod would be refused.
	if _, err := wait.For(ctx, freshLimit, "the ServiceAccount default",
		func(ctx context.Context) (bool, error) {
			_, err := accounts.Get(ctx, "default", metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return false, nil
			}
			return err == nil, err
		}, func(there bool) (bool, string) { return there, "not there" }); err != nil {
		return stopped("wait for the ServiceAccount default", err)
	}
	for _, account := range []string{TenantServiceAccount, PodServiceAccount} {
		if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account, Labels: e.Labels(nil)}}, metav1.CreateOptions{}); err != nil {
			return stopped("make the ServiceAccount "+account, err)
		}
	}
	if _, err := e.Runner.RbacV1().RoleBindings(name).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bvc-tenant", Labels: e.Labels(nil)},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: name, Name: TenantServiceAccount}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
	}, metav1.CreateOptions{}); err != nil {
		return stopped("bind the role edit", err)
	}
	seconds := int64(tokenLifetime.Seconds())
	token, err := accounts.CreateToken(ctx, TenantServiceAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	if err != nil {
		return stopped("ask for the tenant's token", err)
	}
	own := *e
	// Objects in the namespace go with it; the run's own tenant may not touch them.
	own.owned = newOwned()
	own.Namespaces, own.PodAccounts, own.TenantIdentity = []string{name}, map[string]bool{name: true}, IdentityServiceAccount
	own.TenantConfig = rest.AnonymousClientConfig(e.TenantConfig)
	own.TenantConfig.BearerToken = token.Status.Token
	own.TenantConfig.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, e.requests} })
	if own.Tenant, err = kubernetes.NewForConfig(own.TenantConfig); err != nil {
		return nil, fmt.Errorf("make the tenant's client: %w", err)
	}
	if own.tenantDynamic, err = dynamic.NewForConfig(own.TenantConfig); err != nil {
		return nil, fmt.Errorf("make the tenant's dynamic client: %w", err)
	}
	// The authoriser learns of the binding a moment later.
	if _, err := wait.For(ctx, freshLimit, "the tenant's rights",
		func(ctx context.Context) (bool, error) {
			return own.TenantMay(ctx, authorizationv1.ResourceAttributes{Namespace: name, Verb: "create", Resource: "pods"})
		}, func(allowed bool) (bool, string) { return allowed, "not allowed" }); err != nil {
		return stopped("wait for the tenant's rights", err)
	}
	return &own, nil
}

// fenced looks whether the fence is in force. Rights alone are no opt-in: an
// administrator's kubeconfig has them all.
func (e *Env) fenced(ctx context.Context) error {
	bindings, err := e.Runner.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().List(ctx, metav1.ListOptions{})
	if err != nil {
		return CreateTrouble(err)
	}
	for _, b := range bindings.Items {
		if b.Name == Fence && b.Spec.PolicyName == Fence && b.Spec.MatchResources == nil &&
			slices.Contains(b.Spec.ValidationActions, admissionregistrationv1.Deny) {
			return nil
		}
	}
	return NotFenced
}

// RemoveFresh removes the namespace that Fresh made for this environment and
// waits until it is gone.
func (e *Env) RemoveFresh(ctx context.Context) error {
	if !strings.HasPrefix(e.Namespaces[0], FreshPrefix) {
		return errors.New("the environment is not that of a fresh namespace")
	}
	return removeNamespace(ctx, e.Runner, e.Namespaces[0], 0)
}

// answered says that the API server decided on a request: what failed otherwise
// may still take effect.
func answered(err error) bool {
	var status apierrors.APIStatus
	return err == nil || errors.As(err, &status) && status.Status().Code >= 400 && status.Status().Code < 500
}

// removeNamespace takes a namespace that is not there for gone only when that
// has been so for the given time.
func removeNamespace(ctx context.Context, client kubernetes.Interface, name string, late time.Duration) error {
	first, start := true, time.Now()
	_, err := wait.For(ctx, CleanupLimit, "the fresh namespace to be gone",
		func(ctx context.Context) (bool, error) {
			if !first {
				tick := time.NewTimer(goneEvery)
				defer tick.Stop()
				select {
				case <-ctx.Done():
					return false, ctx.Err()
				case <-tick.C:
				}
				_, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
				if apierrors.IsNotFound(err) {
					return true, nil
				}
				return false, err
			}
			err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
			if apierrors.IsNotFound(err) {
				return time.Since(start) >= late, nil
			}
			// One that is already going is as good as deleted.
			if err == nil || apierrors.IsConflict(err) {
				first = false
				return false, nil
			}
			return false, err
		}, func(gone bool) (bool, string) { return gone, "still there" })
	return err
}

// removeFresh removes namespaces at the same time, and says how many are left.
func removeFresh(ctx context.Context, client kubernetes.Interface, names map[string]time.Duration) []v1alpha1.Leftover {
	ctx, cancel := context.WithTimeout(ctx, CleanupLimit)
	defer cancel()
	var mu sync.Mutex
	var l v1alpha1.Leftover
	var all sync.WaitGroup
	for name, late := range names {
		all.Go(func() {
			if err := removeNamespace(ctx, client, name, late); err != nil {
				mu.Lock()
				defer mu.Unlock()
				l = v1alpha1.Leftover{Resource: "namespaces", Count: l.Count + 1, Reason: "not gone within " + CleanupLimit.String() + ": " + CreateTrouble(err).Error()}
			}
		})
	}
	all.Wait()
	if l.Count == 0 {
		return nil
	}
	return []v1alpha1.Leftover{l}
}

// SweepFresh removes the fresh namespaces of every run. Who may not list
// namespaces has made none.
func SweepFresh(ctx context.Context, client kubernetes.Interface) []v1alpha1.Leftover {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: LabelManagedBy + "=" + ManagedBy + "," + LabelRun})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return []v1alpha1.Leftover{{Resource: "namespaces", Reason: CreateTrouble(err).Error()}}
	}
	names := map[string]time.Duration{}
	for _, ns := range list.Items {
		if strings.HasPrefix(ns.Name, FreshPrefix) {
			names[ns.Name] = 0
		}
	}
	return removeFresh(ctx, client, names)
}
