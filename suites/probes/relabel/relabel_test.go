package relabel

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/suites/probes/posture"
)

func refused(code int32, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message}}
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		labels map[string]string
		err    error
		want   Answer
	}{
		{"set", map[string]string{Label: "run"}, nil, Changed},
		{"dropped", nil, nil, Neutralised},
		{"of another run", map[string]string{Label: "other"}, nil, Neutralised},
		{"no right", nil, refused(403, `namespaces "a" is forbidden: User "t" cannot patch resource "namespaces" in API group ""`), RefusedByAuthoriser},
		{"no right to update", nil, refused(403, `namespaces "a" is forbidden: User "t" cannot update resource "namespaces"`), RefusedByAuthoriser},
		{"a policy", nil, refused(422, `namespaces "a" is forbidden: ValidatingAdmissionPolicy 'labels' denied request`), RefusedByRule},
		{"a webhook", nil, refused(400, `admission webhook "labels" denied the request`), RefusedByRule},
		{"a webhook that answers 403", nil, refused(403, `admission webhook "labels" denied the request`), RefusedByRule},
		{"a webhook that is down", nil, refused(500, `failed calling webhook "labels"`), Trouble},
		{"a webhook that is down, told as 403", nil, refused(403, `failed calling webhook "labels"`), Trouble},
		{"too many requests", nil, refused(429, "slow down"), Trouble},
		{"no credentials", nil, refused(401, "who are you"), Trouble},
		{"a webhook that wants no dry run", nil, refused(400, `admission webhook "labels" does not support dry run`), Trouble},
		{"not found", nil, refused(404, "not found"), Trouble},
		{"no answer", nil, errors.New("connection refused"), Trouble},
	} {
		if got := answer(c.labels, posture.NamespaceChange{Key: Label, Value: "run", Set: true}, c.err); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	remove := posture.NamespaceChange{Key: "tenant"}
	if got := answer(map[string]string{"other": "x"}, remove, nil); got != Changed {
		t.Errorf("removed: got %s", got)
	}
	if got := answer(map[string]string{"tenant": "x"}, remove, nil); got != Neutralised {
		t.Errorf("kept in place: got %s", got)
	}
}
