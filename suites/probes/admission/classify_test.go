package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func answer(code int32, text string, details *metav1.StatusDetails) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: text, Details: details}}
}

func TestClassify(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	field := &metav1.StatusDetails{Kind: "Pod", Causes: []metav1.StatusCause{{Field: "spec.containers[0].securityContext"}}}
	terminating := &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "NamespaceTerminating", Field: "metadata.namespace"}}}
	for _, c := range []struct {
		name  string
		err   error
		class Class
		by    By
		cause Cause
	}{
		{"created", nil, Admitted, ByNobody, CauseNone},
		{"no connection", &url.Error{Op: "Post", URL: "https://x", Err: errors.New("connection refused")}, Infrastructure, ByNobody, CauseNoAnswer},
		{"deadline", fmt.Errorf("create: %w", context.DeadlineExceeded), Infrastructure, ByNobody, CauseNoAnswer},
		{"pod security", answer(403, `pods "bvc-mutant-x" is forbidden: violates PodSecurity "restricted:latest": privileged (container "agent" must not set securityContext.privileged=true)`, nil), Policy, ByPodSecurity, CauseNone},
		{"webhook without a code", answer(400, `admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod was blocked`, nil), Policy, ByWebhook, CauseNone},
		{"webhook, 403", answer(403, `admission webhook "validation.gatekeeper.sh" denied the request: [psp-privileged] not allowed`, nil), Policy, ByWebhook, CauseNone},
		{"webhook, a code of its own", answer(418, `admission webhook "x" denied the request without explanation`, nil), Policy, ByWebhook, CauseNone},
		{"webhook, 404", answer(404, `admission webhook "x" denied the request: no`, nil), Policy, ByWebhook, CauseNone},
		{"admission policy, 422", answer(422, `pods "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, &metav1.StatusDetails{Kind: "pods", Causes: []metav1.StatusCause{{Message: "no"}}}), Policy, ByAdmissionPolicy, CauseNone},
		{"security context constraints", answer(403, `pods "x" is forbidden: unable to validate against any security context constraint: []`, nil), Policy, BySCC, CauseNone},
		{"API validation", answer(422, `Pod "x" is invalid: spec.containers[0].securityContext: Invalid value`, field), APIValidation, ByNobody, CauseInvalidField},
		{"422 without a field", answer(422, "no", &metav1.StatusDetails{Kind: "Pod"}), Policy, ByOther, CauseNone},
		{"webhook unreachable", answer(500, `Internal error occurred: failed calling webhook "x": failed to call webhook: context deadline exceeded`, nil), Infrastructure, ByNobody, CauseWebhookDown},
		{"webhook unreachable, another code", answer(400, `failed calling webhook "x"`, nil), Infrastructure, ByNobody, CauseWebhookDown},
		{"dry run", answer(400, `admission webhook "x" does not support dry run`, nil), Infrastructure, ByNobody, CauseDryRun},
		{"too many", apierrors.NewTooManyRequests("slow down", 1), Infrastructure, ByNobody, CauseTooManyRequests},
		{"request timeout", answer(408, "", nil), Infrastructure, ByNobody, CauseTimeout},
		{"gateway timeout", apierrors.NewTimeoutError("late", 1), Infrastructure, ByNobody, CauseTimeout},
		{"internal", apierrors.NewInternalError(errors.New("etcd")), Infrastructure, ByNobody, CauseServerError},
		{"unavailable", apierrors.NewServiceUnavailable("x"), Infrastructure, ByNobody, CauseServerError},
		{"conflict", apierrors.NewAlreadyExists(pods, "x"), Infrastructure, ByNobody, CauseConflict},
		{"unauthorised", apierrors.NewUnauthorized("x"), Infrastructure, ByNobody, CauseUnauthorised},
		{"RBAC", answer(403, `pods is forbidden: User "system:serviceaccount:a:tenant" cannot create resource "pods" in API group "" in the namespace "a"`, nil), Infrastructure, ByNobody, CauseRBAC},
		{"no service account", answer(403, `pods "x" is forbidden: error looking up service account a/default: serviceaccount "default" not found`, nil), Infrastructure, ByNobody, CauseServiceAccount},
		{"terminating by text", answer(403, `pods "x" is forbidden: unable to create new content in namespace a because it is being terminated`, nil), Infrastructure, ByNobody, CauseNamespace},
		{"terminating by cause", answer(403, `no`, terminating), Infrastructure, ByNobody, CauseNamespace},
		{"namespace missing", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a"), Infrastructure, ByNobody, CauseNamespace},
		{"admission not ready", answer(403, `pods "x" is forbidden: not yet ready to handle request`, nil), Infrastructure, ByNobody, CauseNotReady},
		{"a webhook that speaks of quotas", answer(403, `admission webhook "x" denied the request: you must specify a team`, nil), Policy, ByWebhook, CauseNone},
		{"quota", answer(403, `pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0`, nil), Quota, ByNobody, CauseQuotaExceeded},
		{"quota wants limits", answer(403, `pods "x" is forbidden: failed quota: q: must specify limits.cpu for: agent`, nil), Quota, ByNobody, CauseQuotaUnspecified},
		{"limit range", answer(403, `pods "x" is forbidden: maximum memory usage per Container is 32Mi, but limit is 64Mi`, nil), Quota, ByNobody, CauseLimitRange},
		{"limit range ratio", answer(403, `pods "x" is forbidden: cpu max limit to request ratio per Pod is 2, but provided ratio is 25.0`, nil), Quota, ByNobody, CauseLimitRange},
		{"a proxy's page", apierrors.NewGenericServerResponse(403, "post", pods, "", "<html>blocked</html>", 0, true), Infrastructure, ByNobody, CauseUnexpected},
		{"too large", answer(413, "limit is 3145728", nil), Infrastructure, ByNobody, CauseUnexpected},
		{"no status at all", answer(0, "", nil), Infrastructure, ByNobody, CauseUnexpected},
		{"redirect", answer(302, "", nil), Infrastructure, ByNobody, CauseUnexpected},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Classify(c.err)
			if got.Class != c.class || got.By != c.by || got.Cause != c.cause {
				t.Errorf("got %s by %s (%s), want %s by %s (%s)", got.Class, got.By, got.Cause, c.class, c.by, c.cause)
			}
		})
	}
}

// Whatever an answer says: only nil is admitted, trouble of the machinery is
// never a policy, and what is kept never repeats the message.
func FuzzClassify(f *testing.F) {
	f.Add(int32(403), `violates PodSecurity "restricted:latest"`, "pods", "", "")
	f.Add(int32(422), `Pod "x" is invalid`, "Pod", "spec", "")
	f.Add(int32(500), `failed calling webhook`, "", "", "")
	f.Add(int32(403), `<html>`, "", "", string(metav1.CauseTypeUnexpectedServerResponse))
	f.Fuzz(func(t *testing.T, code int32, text, kind, field, cause string) {
		a := Classify(answer(code, text, &metav1.StatusDetails{Kind: kind, Causes: []metav1.StatusCause{{Field: field, Type: metav1.CauseType(cause)}}}))
		if a.Class == Admitted || a.Class == Neutralised {
			t.Fatalf("an error was taken for %s", a.Class)
		}
		if a.Class == Policy && (code >= 500 || code < 400 || code == http.StatusTooManyRequests || code == 408 || code == http.StatusConflict || code == http.StatusUnauthorized) {
			t.Fatalf("HTTP %d was taken for a policy", code)
		}
		if (a.Class == Policy) != (a.By != ByNobody) || (a.Class == Policy) != (a.Cause == CauseNone) {
			t.Fatalf("%+v contradicts itself", a)
		}
	})
}
