package apiserver

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
)

// violations are the Pod Security controls that the pod does not keep.
func violations(t *testing.T, level psa.Level, minor int, pod *corev1.Pod) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range evaluator.EvaluatePod(psa.LevelVersion{Level: level, Version: psa.MajorMinorVersion(1, minor)}, &pod.ObjectMeta, &pod.Spec) {
		if !r.Allowed {
			out = append(out, r.ForbiddenReason+" "+r.ForbiddenDetail)
		}
	}
	return out
}

// Kubernetes versions that bvc is tried on.
const oldestMinor, newestMinor = 33, 36

func TestGoldenPodKeepsPodSecurity(t *testing.T) {
	for _, o := range []pods.Options{
		{GenerateName: "a-", Namespace: "n", Image: "i"},
		{GenerateName: "a-", Namespace: "n", Image: "i", Gated: true, Init: true, ServiceAccount: "tenant"},
		{GenerateName: "a-", Namespace: "n", Image: "i", Serving: true, Node: "node"},
	} {
		for minor := oldestMinor; minor <= newestMinor; minor++ {
			if v := violations(t, psa.LevelRestricted, minor, pods.Golden(o)); len(v) > 0 {
				t.Errorf("the golden pod %+v violates restricted of 1.%d: %s", o, minor, strings.Join(v, "; "))
			}
		}
	}
}
