package admission

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
)

// messages are forms of Kubernetes' own answers. A rule of a site may phrase
// its refusal as it likes; texts only ever take an answer out of Policy, never
// put one in, so that a phrase that happens to match costs a verdict and never
// makes one.
type message struct {
	form  string
	class Class
	cause Cause
}

// anyStatus holds whatever the status code is.
func anyStatus() []message {
	return []message{
		{"failed calling webhook", Infrastructure, CauseWebhookDown},
		{"does not support dry run", Infrastructure, CauseDryRun},
	}
}

// forbidden holds for 403 only, in this order.
func forbidden() []message {
	return []message{
		{"cannot create resource", Infrastructure, CauseRBAC},
		{"cannot patch resource", Infrastructure, CauseRBAC},
		{"error looking up service account", Infrastructure, CauseServiceAccount},
		{"because it is being terminated", Infrastructure, CauseNamespace},
		{"not yet ready to handle request", Infrastructure, CauseNotReady},
		{"status unknown for quota", Infrastructure, CauseNotReady},
		{"exceeded quota", Quota, CauseQuotaExceeded},
		{"insufficient quota", Quota, CauseQuotaExceeded},
		{"must specify", Quota, CauseQuotaUnspecified},
		{" usage per ", Quota, CauseLimitRange},
		{"limit to request ratio per ", Quota, CauseLimitRange},
	}
}

// Classify says what the error of a create request means. The fault's own
// presence is not its business: nil is Admitted.
func Classify(err error) Attempt {
	if err == nil {
		return Attempt{Class: Admitted, By: ByNobody, HTTPStatus: http.StatusCreated, Cause: CauseNone}
	}
	var carrier apierrors.APIStatus
	if !errors.As(err, &carrier) {
		return Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseNoAnswer}
	}
	status := carrier.Status()
	a := Attempt{By: ByNobody, HTTPStatus: int(status.Code)}
	a.Class, a.Cause = classifyStatus(status)
	if a.Class == Policy {
		a.By = refuser(status.Message)
	}
	return a
}

func classifyStatus(s metav1.Status) (Class, Cause) {
	if m, ok := match(anyStatus(), s.Message); ok {
		return m.class, m.cause
	}
	switch code := int(s.Code); {
	case code == http.StatusTooManyRequests:
		return Infrastructure, CauseTooManyRequests
	case code == http.StatusRequestTimeout, code == http.StatusGatewayTimeout:
		return Infrastructure, CauseTimeout
	case code >= http.StatusInternalServerError:
		return Infrastructure, CauseServerError
	case code == http.StatusConflict:
		return Infrastructure, CauseConflict
	case code == http.StatusUnauthorized:
		return Infrastructure, CauseUnauthorised
	case code < http.StatusBadRequest, notKubernetes(s):
		return Infrastructure, CauseUnexpected
	case code == http.StatusForbidden:
		if namespaceTerminating(s) {
			return Infrastructure, CauseNamespace
		}
		if m, ok := match(forbidden(), s.Message); ok && refuser(s.Message) != ByWebhook {
			// A webhook's own words come after its name; the forms are the API server's.
			return m.class, m.cause
		}
	case code == http.StatusUnprocessableEntity:
		// A ValidatingAdmissionPolicy answers 422 too, but names the resource
		// ("pods") where API validation names the kind ("Pod"), and no field.
		if s.Details != nil && namesKind(s.Details.Kind) && namesField(s.Details.Causes) {
			return APIValidation, CauseInvalidField
		}
	case code == http.StatusNotFound:
		if refuser(s.Message) == ByOther {
			return Infrastructure, CauseNamespace
		}
	case code != http.StatusBadRequest && refuser(s.Message) == ByOther:
		// No rule on pods answers 405, 413 or 415 in its own name.
		return Infrastructure, CauseUnexpected
	}
	return Policy, CauseNone
}

// engineTrouble are words by which those who decide say that they could not.
var engineTrouble = regexp.MustCompile(`Internal error occurred|deadline exceeded|context canceled|connection refused|connection reset|i/o timeout|timed out|no such host|: EOF|failed to get resource quotas`)

// classifyFor is Classify for a mutant: where the fault is in the image, who
// looks it up in its registry may refuse it for not finding it there, and that
// is no rule.
func classifyFor(m *mutant, err error) Attempt {
	a := Classify(err)
	var carrier apierrors.APIStatus
	if m.ofImage() && errors.As(err, &carrier) {
		return m.unlessRegistry(a, carrier.Status().Message)
	}
	return a
}

// tooLate are the words of an API server that a webhook did not answer in time.
var tooLate = regexp.MustCompile(`failed calling webhook .*(deadline exceeded|i/o timeout|Client.Timeout exceeded)`)

// repeatAfter is the time until what nobody could decide about is sent again.
const repeatAfter = time.Second

// asked sends a request, and a few times more where a webhook did not answer in
// time or could not look at an image or its signature. Each such answer is a
// refusal, nothing was stored: what is sent again hides nothing that came in.
func asked(ctx context.Context, env *cluster.Env, m *mutant, send func() (*corev1.Pod, error)) (*corev1.Pod, Attempt, error) {
	for {
		stored, err := send()
		a := classifyFor(m, err)
		passing := a.Cause == CauseRegistry || a.Cause == CauseWebhookDown && tooLate.MatchString(err.Error())
		if !passing || ctx.Err() != nil || !env.Repeat() {
			return stored, a, err
		}
		select {
		case <-ctx.Done():
			return stored, a, err
		case <-time.After(repeatAfter):
		}
	}
}

// messageFor is classifyFor for ClassifyMessage.
func messageFor(m *mutant, text string) Attempt {
	if m.ofImage() {
		return m.unlessRegistry(ClassifyMessage(text), text)
	}
	return ClassifyMessage(text)
}

// ofImage reports whether the mutant has another image than the golden pod.
func (m *mutant) ofImage() bool {
	return m != nil && (m.fault == FaultRegistry || m.fault == FaultPullPolicy || m.fault == FaultUnsigned || m.fault == FaultWrongKey)
}

// ClassifyMessage says what the text means with which a controller reports that
// it could not create a pod (event FailedCreate). There is no status code, so
// only forms that Kubernetes gives a refusal make one; everything else is
// trouble.
func ClassifyMessage(text string) Attempt {
	a := Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseUnexpected}
	by := refuser(text)
	if m, ok := match(anyStatus(), text); ok {
		a.Class, a.Cause = m.class, m.cause
		return a
	}
	if engineTrouble.MatchString(text) {
		return a // the status code, which would tell, is not in the text
	}
	refused := by != ByOther || strings.Contains(text, " is forbidden: ")
	if by != ByWebhook {
		// A webhook's own words come after its name; the forms are the API server's.
		if m, ok := match(forbidden(), text); ok {
			a.Class, a.Cause = m.class, m.cause
			return a
		}
	}
	switch {
	case refused:
		a.Class, a.By, a.Cause = Policy, by, CauseNone
	case strings.Contains(text, " is invalid: "):
		a.Class, a.Cause = APIValidation, CauseInvalidField
	}
	return a
}

func match(messages []message, text string) (message, bool) {
	for _, m := range messages {
		if strings.Contains(text, m.form) {
			return m, true
		}
	}
	return message{}, false
}

// notKubernetes reports an answer that client-go could not read as one of an
// API server: a proxy's page, for instance.
func notKubernetes(s metav1.Status) bool {
	if s.Details == nil {
		return false
	}
	for _, c := range s.Details.Causes {
		if c.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return false
}

// namespaceTerminating is how the NamespaceLifecycle plugin marks its answer
// (k8s.io/api/core/v1.NamespaceTerminatingCause).
func namespaceTerminating(s metav1.Status) bool {
	if s.Details == nil {
		return false
	}
	for _, c := range s.Details.Causes {
		if c.Type == "NamespaceTerminating" {
			return true
		}
	}
	return false
}

// namesKind tells a kind ("Deployment") from a resource ("deployments").
func namesKind(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

func namesField(causes []metav1.StatusCause) bool {
	for _, c := range causes {
		if c.Field != "" {
			return true
		}
	}
	return false
}

func refuser(text string) By {
	switch {
	case strings.Contains(text, `admission webhook "`):
		// First: a webhook may quote the other forms, they never quote it.
		return ByWebhook
	case strings.Contains(text, "ValidatingAdmissionPolicy '"):
		return ByAdmissionPolicy
	case strings.Contains(text, "violates PodSecurity"):
		return ByPodSecurity
	case strings.Contains(text, "unable to validate against any security context constraint"):
		return BySCC // OpenShift's own plugin
	default:
		return ByOther
	}
}
