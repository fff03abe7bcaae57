package admission

// Observation is what became of golden and mutant pods.
type Observation struct {
	// MayCreatePods is the authoriser's answer for the tenant in the namespace
	// that was used: only with it does a refusal come from a rule on pods.
	MayCreatePods bool `json:"mayCreatePods"`
	// OwnServiceAccount says that the golden pod ran under an account of its
	// own and not under the namespace's default.
	OwnServiceAccount bool `json:"ownServiceAccount"`
	// Rounds in the order in which they ran.
	Rounds []Round `json:"rounds"`
}

// Round is one golden pod, each mutant, and a golden pod again.
type Round struct {
	Before Golden `json:"before"`
	// UserNamespace is the golden pod in a user namespace of its own, which
	// mutants of FaultProcMount are made from.
	UserNamespace Golden   `json:"userNamespace"`
	Mutants       []Mutant `json:"mutants"`
	After         Golden   `json:"after"`
}

// Golden is one attempt to create the pod that keeps every rule.
type Golden struct {
	Attempt
	// Altered says what the stored pod has otherwise than what was sent; all
	// false when it was not admitted.
	Altered Altered `json:"altered"`
}

// Mutant is one attempt to create the golden pod with one fault.
type Mutant struct {
	// Fault is one of the Fault constants, Variant one of Variants(Fault),
	// Surface one of the Surface constants.
	Fault   string `json:"fault"`
	Variant string `json:"variant"`
	Surface string `json:"surface"`
	// AtSeconds since the probe began to create pods.
	AtSeconds float64 `json:"atSeconds"`
	Attempt
}

// Faults.
const (
	FaultPrivileged     = "privileged"
	FaultCapabilities   = "addedCapabilities"
	FaultEscalation     = "privilegeEscalation"
	FaultHostNamespaces = "hostNamespaces"
	FaultHostPath       = "hostPath"
	FaultHostPorts      = "hostPorts"
	FaultRootUser       = "rootUser"
	FaultRootGroup      = "rootGroup"
	FaultWritableRoot   = "writableRootFilesystem"
	FaultProcMount      = "unmaskedProc"
	FaultSeccomp        = "seccompUnconfined"
	FaultAppArmor       = "appArmorUnconfined"
	FaultSELinux        = "seLinuxOptions"
	FaultSysctls        = "unsafeSysctls"
	FaultRegistry       = "foreignRegistry"
	FaultPullPolicy     = "imagePullPolicy"
	FaultResources      = "missingResources"
	FaultHealth         = "missingHealthProbes"
	FaultServiceAccount = "defaultServiceAccount"
	// Faults of the image, on which the probe signatures looks.
	FaultUnsigned = "unsignedImage"
	FaultWrongKey = "untrustedSignature"
)

// Surfaces: by which object a pod is brought in.
const SurfacePod = "pod"

// Attempt is what one create request led to.
type Attempt struct {
	Class Class `json:"class"`
	// By says who refused or changed the pod; ByNobody when it was admitted.
	By By `json:"by"`
	// HTTPStatus of the answer, 0 when there was none; 201 when it was created.
	HTTPStatus int `json:"httpStatus"`
	// Cause tells trouble of one class from another.
	Cause Cause `json:"cause"`
}

// Class is what an answer means for a rule on pods.
type Class string

// Classes.
const (
	// Admitted: stored as it was sent; for a mutant, with its fault.
	Admitted Class = "admitted"
	// Neutralised: stored, and the fault is gone.
	Neutralised Class = "neutralised"
	// Policy: refused by a rule of the cluster.
	Policy Class = "policy"
	// Infrastructure: no answer, or one that says nothing on the pod.
	Infrastructure Class = "infrastructure"
	// Quota: refused by a ResourceQuota or a LimitRange.
	Quota Class = "quota"
	// APIValidation: not a valid pod on this version of Kubernetes; no rule of
	// the site ever saw it.
	APIValidation Class = "apiValidation"
)

// By is who refused, recognised by Kubernetes' own message forms only.
type By string

// Who refused.
const (
	ByNobody          By = "nobody"
	ByPodSecurity     By = "podSecurity"
	ByAdmissionPolicy By = "validatingAdmissionPolicy"
	ByWebhook         By = "webhook"
	BySCC             By = "securityContextConstraints"
	ByOther           By = "other"
	// ByNode: the container runtime of the node.
	ByNode By = "node"
)

// Cause of trouble.
type Cause string

// Causes.
const (
	CauseNone             Cause = "none"
	CauseNoAnswer         Cause = "noAnswer"
	CauseServerError      Cause = "serverError"
	CauseTooManyRequests  Cause = "tooManyRequests"
	CauseTimeout          Cause = "timeout"
	CauseWebhookDown      Cause = "webhookUnreachable"
	CauseDryRun           Cause = "dryRunUnsupported"
	CauseConflict         Cause = "conflict"
	CauseUnauthorised     Cause = "unauthorised"
	CauseRBAC             Cause = "rbac"
	CauseServiceAccount   Cause = "serviceAccountMissing"
	CauseNamespace        Cause = "namespaceUnavailable"
	CauseNotReady         Cause = "admissionNotReady"
	CauseUnexpected       Cause = "unexpectedAnswer"
	CauseQuotaExceeded    Cause = "quotaExceeded"
	CauseQuotaUnspecified Cause = "quotaUnspecified"
	CauseLimitRange       Cause = "limitRange"
	CauseInvalidField     Cause = "invalidField"
	// CauseNotFollowed: a controller made no pod and said nothing.
	CauseNotFollowed Cause = "notFollowed"
	// CauseNoCarrier: there was no pod to add a container to.
	CauseNoCarrier Cause = "noCarrier"
	// CauseRegistry: who refused could not look at the image or its signature.
	CauseRegistry Cause = "registry"
	// CauseNoSuchTag: who refused did not find the tag that is the fault.
	CauseNoSuchTag Cause = "noSuchTag"
	// CauseImagePull: the node did not get the image.
	CauseImagePull Cause = "imageNotPulled"
	// CauseImageReplaced: the pod was stored with an image that is none of ours.
	CauseImageReplaced Cause = "imageReplaced"
	// CauseNotStarted: the container was not started within the time.
	CauseNotStarted Cause = "notStarted"
)

// Altered compares the golden pod as stored with what was sent, in the fields
// that rules on pods look at. It decides nothing; it explains.
type Altered struct {
	Containers          bool `json:"containers"`
	Image               bool `json:"image"`
	PullPolicy          bool `json:"pullPolicy"`
	SecurityContext     bool `json:"securityContext"`
	PodSecurityContext  bool `json:"podSecurityContext"`
	Resources           bool `json:"resources"`
	HealthProbes        bool `json:"healthProbes"`
	HostNamespaces      bool `json:"hostNamespaces"`
	ServiceAccountToken bool `json:"serviceAccountToken"`
	SchedulingGates     bool `json:"schedulingGates"`
}

// Attempts are the attempts at one variant of a fault over one surface, at
// all variants when variant is empty.
func (o Observation) Attempts(fault, variant, surface string) []Mutant {
	var out []Mutant
	for _, r := range o.Rounds {
		for _, m := range r.Mutants {
			if m.Fault == fault && m.Surface == surface && (variant == "" || m.Variant == variant) {
				out = append(out, m)
			}
		}
	}
	return out
}

// Goldens are all attempts at the golden pod.
func (o Observation) Goldens() []Golden {
	var out []Golden
	for _, r := range o.Rounds {
		out = append(out, r.Before, r.After)
	}
	return out
}
