package admission

import (
	"fmt"
	"slices"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
	"gitlab.opencode.de/ig-bvc/bvc-conformance/reports/v1alpha1"
)

// SignatureChecks are the checks of one rule on signatures (Fault is
// FaultUnsigned or FaultWrongKey): on every way on which a tenant brings in an
// image, and for ephemeral containers, to which not every tenant has a right.
func (r Rule) SignatureChecks(meta check.Meta) []*check.Check {
	ephemeral := meta
	ephemeral.ID += "-in-ephemeral-containers"
	ephemeral.Title = v1alpha1.T("Auch ephemere Container "+r.With.De+" kommen nicht zur Ausführung", "Nor do ephemeral containers "+r.With.En+" run")
	return []*check.Check{
		check.Of(meta, Signature, func(o Signatures) check.Verdict {
			return r.judgeSignatures(o, append(append([]string{SurfacePod}, WorkloadSurfaces(r.Fault)...), SurfaceImageUpdate))
		}),
		check.Of(ephemeral, Signature, func(o Signatures) check.Verdict {
			return r.judgeSignatures(o, []string{SurfaceEphemeralContainer})
		}),
	}
}

// judgeSignatures passes only when the registry itself says that the images
// differ in their signature, the signed one ran before and after on each way,
// and the other never did. That it ran is a deviation only together with what
// the registry says of it.
func (r Rule) judgeSignatures(o Signatures, surfaces []string) check.Verdict {
	if !o.Given {
		return check.Verdict{Outcome: v1alpha1.Inconclusive, Controls: []v1alpha1.Control{}, Reason: v1alpha1.T(
			"Der Standort hat keine Images zur Prüfung genannt. „bvc mirror --key“ legt ein signiertes, ein unsigniertes und ein fremd signiertes Image in die Registry des Standorts; ihre Referenzen gehören in die Site-Datei (images.signed, images.unsigned, images.wrongKey).",
			"The site named no images to try. \"bvc mirror --key\" puts a signed, an unsigned and a foreignly signed image into the site's registry; their references belong into the site file (images.signed, images.unsigned, images.wrongKey).")}
	}
	only := o.Surfaces
	only.Surfaces = slices.DeleteFunc(slices.Clone(o.Surfaces.Surfaces), func(s Surface) bool { return !slices.Contains(surfaces, s.Name) })
	v := r.judgeSurfaces(only, way{
		surfaces: surfaces,
		required: v1alpha1.T("Kein Container "+r.With.De+" kommt zur Ausführung.", "No container "+r.With.En+" runs."),
		came:     v1alpha1.T("Ausgeführt wurde ein Container", "There ran a container"),
		none:     v1alpha1.T("wurde kein Container %s ausgeführt", "no container %s ran"),
		object:   v1alpha1.T("Pods des Laufs im ersten Namensraum des Mandanten", "pods of the run in the first tenant namespace"),
		remedy:   v1alpha1.T("", ""),
	})
	differ := o.differ(r.Fault)
	v.Controls = append(v.Controls, o.registryControl(r.Fault))
	switch {
	case v.Outcome == v1alpha1.Fail && !differ, v.Outcome == v1alpha1.Pass && (!differ || !o.Signed.signed()):
		v.Outcome, v.Findings, v.Reason = v1alpha1.Inconclusive, nil, o.notShown(r.Fault)
	case v.Outcome == v1alpha1.Pass && o.Nodes != 1 && keptByNode(only):
		v.Outcome, v.Reason = v1alpha1.Inconclusive, v1alpha1.T(
			fmt.Sprintf("Container %s hielt die Runtime der Nodes auf. Jeder Node prüft für sich; der Lauf sah nicht jeden (Nodes: %d).", r.With.De, o.Nodes),
			fmt.Sprintf("Containers %s were kept from running by the nodes' runtime. Each node verifies for itself; the run did not see each (nodes: %d).", r.With.En, o.Nodes))
	case v.Outcome == v1alpha1.Pass && slices.Contains(surfaces, SurfacePod):
		if reason, enough := r.enoughPods(o); !enough {
			v.Outcome, v.Reason = v1alpha1.Inconclusive, reason
		}
	}
	return v
}

// keptByNode reports whether a node, and not the API server, kept a container
// from running.
func keptByNode(o Surfaces) bool {
	return slices.ContainsFunc(o.Surfaces, func(s Surface) bool {
		return slices.ContainsFunc(s.Tries, func(t Try) bool { return t.By == ByNode })
	})
}

// differ reports whether the registry shows that the image is what the site
// calls it.
func (o Signatures) differ(fault string) bool {
	if fault == FaultUnsigned {
		return o.Unsigned.unsigned()
	}
	// More signatures than bvc mirror makes may be of somebody who is trusted.
	return o.WrongKey.signed() && o.WrongKey.Tag <= 1 && o.WrongKey.Bundle <= 1 && o.WrongKey.Other == 0
}

func (o Signatures) registryControl(fault string) v1alpha1.Control {
	detail := func(k Kept) v1alpha1.Text {
		switch {
		case !k.Asked:
			return v1alpha1.T("nicht zu erfahren ("+k.Cause+")", "not to be learnt ("+k.Cause+")")
		case !k.Exists:
			return v1alpha1.T("nicht vorhanden", "not there")
		case !k.Certain:
			return v1alpha1.T("nicht vollständig lesbar", "not wholly readable")
		}
		n := k.Tag + k.Bundle + k.Other
		return v1alpha1.T(fmt.Sprintf("%d Signaturen", n), fmt.Sprintf("%d signatures", n))
	}
	s, u, w := detail(o.Signed), detail(o.Unsigned), detail(o.WrongKey)
	name := v1alpha1.T("Laut Registry hat das signierte Image eine Signatur und das unsignierte keine", "By the registry the signed image has a signature and the unsigned one none")
	if fault == FaultWrongKey {
		name = v1alpha1.T("Laut Registry haben das signierte und das fremd signierte Image eine Signatur", "By the registry the signed image and the foreignly signed one have a signature")
	}
	return v1alpha1.Control{
		Name: name,
		Held: o.Signed.signed() && o.differ(fault),
		Detail: v1alpha1.T(fmt.Sprintf("signiert: %s; fremd signiert: %s; unsigniert: %s", s.De, w.De, u.De),
			fmt.Sprintf("signed: %s; foreignly signed: %s; unsigned: %s", s.En, w.En, u.En)),
	}
}

func (o Signatures) notShown(fault string) v1alpha1.Text {
	d := o.registryControl(fault).Detail
	return v1alpha1.T(
		"Die Registry bestätigt nicht, dass sich die Images in ihrer Signatur unterscheiden ("+d.De+"); was mit ihnen geschah, sagt daher nichts. Zugang des Laufs zur Registry herstellen (images.pullSecret, images.registryCA) oder die Images mit „bvc mirror“ neu anlegen. Signaturen außerhalb der Registry (Notary v1, Lookaside) kann der Lauf nicht sehen.",
		"The registry does not confirm that the images differ in their signature ("+d.En+"), so what became of them says nothing. Give the run access to the registry (images.pullSecret, images.registryCA) or make the images anew with \"bvc mirror\". Signatures kept outside the registry (Notary v1, lookaside) can not be seen by the run.")
}

// enoughPods reports whether each variant was tried as pod as often and over
// as long a time as the rules on pods are.
func (r Rule) enoughPods(o Signatures) (v1alpha1.Text, bool) {
	s, _ := o.of(SurfacePod)
	for _, variant := range []string{inContainer, inInit} {
		n, first, last := 0, 0.0, 0.0
		for _, t := range triesOf(s, r.Fault) {
			if t.Variant != variant {
				continue
			}
			if n == 0 {
				first = t.AtSeconds
			}
			n, last = n+1, t.AtSeconds
		}
		if n < Rounds || last-first < Span.Seconds() {
			return v1alpha1.T(
				fmt.Sprintf("Ein Pod %s (%s) wurde %d-mal in %s s versucht; nötig sind %d Versuche über mindestens %.0f s. Der Lauf ist zu wiederholen.",
					r.With.De, variant, n, v1alpha1.Decimal(last-first, 1).De, Rounds, Span.Seconds()),
				fmt.Sprintf("A pod %s (%s) was tried %d times within %.1f s; %d tries over at least %.0f s are needed. Repeat the run.",
					r.With.En, variant, n, last-first, Rounds, Span.Seconds())), false
		}
	}
	return v1alpha1.Text{}, true
}
