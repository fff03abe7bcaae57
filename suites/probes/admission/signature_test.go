package admission

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/fixtures/pods"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/cluster"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// What nodes say, in the words of kubelet, CRI-O, containerd and
// containers/image (research/probes.md, 3.1).
func TestSettleContainer(t *testing.T) {
	for name, c := range map[string]struct {
		status corev1.ContainerStatus
		class  Class
		by     By
		cause  Cause
		learnt Learnt
	}{
		"runs":             {corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, Admitted, ByNobody, CauseNone, LearntNode},
		"has run":          {corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, StartedAt: metav1.Now()}}}, Admitted, ByNobody, CauseNone, LearntNode},
		"ran before":       {corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: metav1.Now()}}}, Admitted, ByNobody, CauseNone, LearntNode},
		"lost sight of":    {corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", ExitCode: 137}}}, Infrastructure, ByNobody, CauseNotStarted, LearntNothing},
		"not startable":    {corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "StartError", StartedAt: metav1.Unix(0, 0)}}}, Infrastructure, ByNobody, CauseNotStarted, LearntNothing},
		"CRI-O":            {waiting("SignatureValidationFailed", "image pull failed for r/x because the signature validation failed: Source image rejected: A signature was required, but no signature exists"), Policy, ByNode, CauseNone, LearntNode},
		"CRI-O, back-off":  {waiting("ImagePullBackOff", `Back-off pulling image "r/x": SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists`), Policy, ByNode, CauseNone, LearntNode},
		"CRI-O, create":    {waiting("CreateContainerError", "SignatureValidationFailed: Source image rejected: Running image docker://r/x is rejected by policy."), Policy, ByNode, CauseNone, LearntNode},
		"containerd":       {waiting("ErrImagePull", "image verifier bindir blocked pull of r/x@sha256:0 with digest sha256:0 for reason: no signature"), Policy, ByNode, CauseNone, LearntNode},
		"verifier offline": {waiting("ErrImagePull", "image verifier bindir blocked pull of r/x with digest sha256:0 for reason: dial tcp: i/o timeout"), Infrastructure, ByNobody, CauseImagePull, LearntNode},
		"not found":        {waiting("ErrImagePull", `failed to resolve reference "r/x": not found`), Infrastructure, ByNobody, CauseImagePull, LearntNode},
		"no access":        {waiting("ImagePullBackOff", `Back-off pulling image "r/x": failed to authorize: 401 Unauthorized`), Infrastructure, ByNobody, CauseImagePull, LearntNode},
		"being made":       {waiting("ContainerCreating", ""), Infrastructure, ByNobody, CauseNotStarted, LearntNothing},
		"nothing said":     {corev1.ContainerStatus{}, Infrastructure, ByNobody, CauseNotStarted, LearntNothing},
	} {
		a, learnt := settleContainer(c.status)
		if a.Class != c.class || a.By != c.by || a.Cause != c.cause || learnt != c.learnt {
			t.Errorf("%s: got %+v %s", name, a, learnt)
		}
	}
}

func TestUnlessRegistry(t *testing.T) {
	refused := Attempt{Class: Policy, By: ByWebhook, HTTPStatus: 400, Cause: CauseNone}
	for message, trouble := range map[string]bool{
		`admission webhook "ivpol.validate.kyverno.svc-fail" denied the request: Policy require-signatures failed: no signatures found`:     false,
		`admission webhook "x" denied the request: failed to verify image r/x@sha256:5034010405404: no matching signatures`:                 false,
		`admission webhook "x" denied the request: Get "http://bvc-registry:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused`: true,
		`admission webhook "x" denied the request: Get "https://r/v2/": tls: failed to verify certificate: x509: unknown authority`:         true,
		`admission webhook "x" denied the request: lookup r on 10.96.0.10:53: no such host`:                                                 true,
		`admission webhook "x" denied the request: GET https://r/v2/x/manifests/y: UNAUTHORIZED: authentication required`:                   true,
		`admission webhook "x" denied the request: tls: certificate has expired or is not yet valid`:                                        true,
		`admission webhook "x" denied the request: failed to verify certificate identity: no matching identity`:                             false,
		`admission webhook "x" denied the request: can't verify certificate identities: entity was not signed with a certificate`:           false,
	} {
		if got := (&mutant{fault: FaultUnsigned}).unlessRegistry(refused, message); (got.Cause == CauseRegistry) != trouble || (got.Class == Policy) == trouble {
			t.Errorf("%s: got %+v", message, got)
		}
	}
	for message, missing := range map[string]bool{
		`admission webhook "x" denied the request: failed to get image: GET https://r/v2/bvc/manifests/latest: MANIFEST_UNKNOWN: manifest unknown; unknown tag=latest`: true,
		`admission webhook "x" denied the request: r/bvc:latest: not found`:                                                                                            true,
		`admission webhook "x" denied the request: imagePullPolicy must be Always`:                                                                                     false,
	} {
		if got := (&mutant{fault: FaultPullPolicy}).unlessRegistry(refused, message); (got.Cause == CauseNoSuchTag) != missing || (got.Class == Policy) == missing {
			t.Errorf("%s: got %+v", message, got)
		}
		// What is there but not signed is not there for a verifier, either.
		if got := (&mutant{fault: FaultUnsigned}).unlessRegistry(refused, message); got != refused {
			t.Errorf("%s: got %+v for an unsigned image", message, got)
		}
	}
	admitted := Attempt{Class: Admitted, By: ByNobody}
	if got := (&mutant{fault: FaultUnsigned}).unlessRegistry(admitted, "connection refused"); got != admitted {
		t.Errorf("an admitted pod became %+v", got)
	}
}

func TestSettleRunning(t *testing.T) {
	env := &cluster.Env{Namespaces: []string{"a"}, Image: "i", Signatures: cluster.SignedImages{Signed: "r/x@sha256:1", Unsigned: "r/x@sha256:2", WrongKey: "r/x@sha256:3"}}
	for _, m := range signatureMutants(env) {
		pod := golden(env, "")
		m.apply(pod)
		running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		// Another container of the pod says nothing.
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "other", State: running}}
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "other", State: running}}
		if _, learnt := settleRunning(pod, &m, "r/x@sha256:1"); learnt != LearntNothing {
			t.Errorf("%s/%s: learnt %s from another container", m.fault, m.variant, learnt)
		}
		// Where a mesh puts its own first, ours still decides.
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: pods.Agent, State: running})
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, corev1.ContainerStatus{Name: pods.Init, State: running})
		pod.Spec.Containers = append([]corev1.Container{{Name: "proxy"}}, pod.Spec.Containers...)
		pod.Spec.InitContainers = append([]corev1.Container{{Name: "proxy-init"}}, pod.Spec.InitContainers...)
		if a, _ := settleRunning(pod, &m, "r/x@sha256:1"); a.Class != Admitted {
			t.Errorf("%s/%s: got %+v of one that runs", m.fault, m.variant, a)
		}
		for image, want := range map[string]Class{"mirror/x@sha256:1": Neutralised, "mirror/x@sha256:9": Infrastructure, "mirror/x:unsigned": Infrastructure} {
			pod.Spec.Containers[1].Image, pod.Spec.InitContainers[1].Image = image, image
			if a, _ := settleRunning(pod, &m, "r/x@sha256:1"); a.Class != want {
				t.Errorf("%s/%s: got %+v of one with the image %s, want %s", m.fault, m.variant, a, image, want)
			}
		}
	}
}

// After an update only what came after it counts, whatever the kubelet keeps of
// the container before.
func TestAfterwards(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ContainerID: "old", StartedAt: metav1.Now()}}
	blocked := waiting("SignatureValidationFailed", "").State
	for name, c := range map[string]struct {
		status *corev1.ContainerStatus
		class  Class
	}{
		"none":                {nil, ""},
		"runs still":          {&corev1.ContainerStatus{ContainerID: "old", State: running}, ""},
		"has ended":           {&corev1.ContainerStatus{ContainerID: "old", State: ended}, ""},
		"is being replaced":   {&corev1.ContainerStatus{ContainerID: "old", State: waiting("ContainerCreating", "").State, LastTerminationState: ended}, ""},
		"another runs":        {&corev1.ContainerStatus{ContainerID: "new", State: running, LastTerminationState: ended}, Admitted},
		"blocked":             {&corev1.ContainerStatus{ContainerID: "old", State: blocked, LastTerminationState: ended}, Policy},
		"another ran, backed": {&corev1.ContainerStatus{ContainerID: "new", State: waiting("CrashLoopBackOff", "").State, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ContainerID: "new", StartedAt: metav1.Now()}}}, Admitted},
	} {
		got := Class("")
		if s := afterwards(c.status, "old"); s != nil {
			a, _ := settleContainer(*s)
			got = a.Class
		}
		if got != c.class {
			t.Errorf("%s: got %q, want %q", name, got, c.class)
		}
	}
}

func TestJudgeSignatures(t *testing.T) {
	refused := Attempt{Class: Policy, By: ByWebhook, HTTPStatus: 400, Cause: CauseNone}
	ran := Attempt{Class: Admitted, By: ByNobody, Cause: CauseNone}
	surfaces := append(append([]string{SurfacePod}, WorkloadSurfaces(FaultUnsigned)...), SurfaceImageUpdate)
	good := func(fault string) Signatures {
		kept := Kept{Asked: true, Exists: true, Certain: true}
		signed := kept
		signed.Tag, signed.Bundle = 1, 1
		o := Signatures{Given: true, Signed: signed, Unsigned: kept, WrongKey: signed, Surfaces: Surfaces{OwnServiceAccount: true}}
		for _, name := range surfaces {
			s := Surface{Name: name, Allowed: true, Tries: []Try{{Learnt: LearntNode, Attempt: ran}}}
			if name == SurfacePod {
				for i := range Rounds {
					for _, v := range []string{inContainer, inInit} {
						s.Tries = append(s.Tries, Try{Fault: fault, Variant: v, AtSeconds: 2.6 * float64(i), Learnt: LearntRequest, Attempt: refused})
					}
				}
			} else {
				for range Repeats(fault) {
					s.Tries = append(s.Tries, Try{Fault: fault, Variant: inContainer, Learnt: LearntRequest, Attempt: refused})
				}
			}
			s.Tries = append(s.Tries, Try{Learnt: LearntNode, Attempt: ran})
			o.Surfaces.Surfaces = append(o.Surfaces.Surfaces, s)
		}
		return o
	}
	for _, c := range []struct {
		name, fault string
		change      func(*Signatures)
		want        v1alpha1.Outcome
		says        string
	}{
		{"never ran", FaultUnsigned, func(*Signatures) {}, v1alpha1.Pass, "wurde kein Container"},
		{"foreign never ran", FaultWrongKey, func(*Signatures) {}, v1alpha1.Pass, "wurde kein Container"},
		{"not given", FaultUnsigned, func(o *Signatures) { *o = Signatures{} }, v1alpha1.Inconclusive, "bvc mirror"},
		{"ran", FaultUnsigned, func(o *Signatures) { o.Surfaces.Surfaces[0].Tries[1].Attempt = ran }, v1alpha1.Fail, "Pod in 1 von 10"},
		{"ran by an update", FaultUnsigned, func(o *Signatures) { o.Surfaces.Surfaces[7].Tries[1].Attempt = ran }, v1alpha1.Fail, "Image-Wechsel eines laufenden Pods in 1 von 3"},
		{"ran, but is signed", FaultUnsigned, func(o *Signatures) {
			o.Surfaces.Surfaces[0].Tries[1].Attempt, o.Unsigned.Tag = ran, 1
		}, v1alpha1.Inconclusive, "unsigniert: 1 Signaturen"},
		{"ran, registry silent", FaultUnsigned, func(o *Signatures) {
			o.Surfaces.Surfaces[0].Tries[1].Attempt, o.Unsigned = ran, Kept{Cause: "dns"}
		}, v1alpha1.Inconclusive, "nicht zu erfahren (dns)"},
		{"refused, registry silent", FaultUnsigned, func(o *Signatures) { o.Unsigned = Kept{Cause: "tls"} }, v1alpha1.Inconclusive, "(tls)"},
		{"refused, not there", FaultUnsigned, func(o *Signatures) { o.Unsigned = Kept{Asked: true} }, v1alpha1.Inconclusive, "nicht vorhanden"},
		{"refused, the signed one has none", FaultUnsigned, func(o *Signatures) { o.Signed = o.Unsigned }, v1alpha1.Inconclusive, "signiert: 0 Signaturen"},
		{"refused, the foreign one has none", FaultWrongKey, func(o *Signatures) { o.WrongKey = o.Unsigned }, v1alpha1.Inconclusive, "fremd signiert: 0 Signaturen"},
		{"signed did not run", FaultUnsigned, func(o *Signatures) {
			o.Surfaces.Surfaces[0].Tries[0].Attempt = Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseImagePull}
		}, v1alpha1.Inconclusive, "das Image kam nicht auf den Node"},
		{"on some nodes only", FaultUnsigned, func(o *Signatures) { o.Surfaces.Surfaces[1].Tries[1].By, o.Nodes = ByNode, 3 }, v1alpha1.Inconclusive, "Jeder Node prüft für sich"},
		{"on the only node", FaultUnsigned, func(o *Signatures) { o.Surfaces.Surfaces[1].Tries[1].By, o.Nodes = ByNode, 1 }, v1alpha1.Pass, "der Container-Runtime des Nodes"},
		{"ran, signed by more than one", FaultWrongKey, func(o *Signatures) {
			o.Surfaces.Surfaces[0].Tries[1].Attempt, o.WrongKey.Tag = ran, 2
		}, v1alpha1.Inconclusive, "fremd signiert: 3 Signaturen"},
		{"too few pods", FaultUnsigned, func(o *Signatures) {
			s := &o.Surfaces.Surfaces[0]
			s.Tries = append(s.Tries[:5:5], s.Tries[len(s.Tries)-1])
		}, v1alpha1.Inconclusive, "2-mal in 2,6 s"},
		{"registry trouble of the verifier", FaultUnsigned, func(o *Signatures) {
			o.Surfaces.Surfaces[2].Tries[1].Attempt = Attempt{Class: Infrastructure, By: ByNobody, Cause: CauseRegistry}
		}, v1alpha1.Inconclusive, "erreichte die Registry nicht"},
		{"a surface missing", FaultUnsigned, func(o *Signatures) { o.Surfaces.Surfaces = o.Surfaces.Surfaces[:7] }, v1alpha1.Inconclusive, "Image-Wechsel eines laufenden Pods: nicht versucht"},
		{"another fault", FaultWrongKey, func(o *Signatures) { *o = good(FaultUnsigned) }, v1alpha1.Inconclusive, "0-mal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good(c.fault)
			c.change(&o)
			v := Rule{Fault: c.fault, With: v1alpha1.T("mit Mangel", "with fault"), Remedy: v1alpha1.T("Abhilfe", "remedy")}.judgeSignatures(o, surfaces)
			text := v.Reason.De
			for _, f := range v.Findings {
				text += f.Observed.De
			}
			if v.Outcome != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s, want %s with %q: %s", v.Outcome, c.want, c.says, text)
			}
			for _, control := range v.Controls {
				if v.Outcome == v1alpha1.Pass && !control.Held {
					t.Errorf("passes without %q", control.Name.En)
				}
			}
		})
	}
}
