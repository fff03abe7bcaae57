package v1alpha1

import (
	"fmt"
	"time"
)

// Site is the input that a site writes about itself.
type Site struct {
	TypeMeta `json:",inline"`
	// Name of the cluster as the site wants to read it in its report.
	Name string `json:"name"`
	// Organisation that runs it.
	Organisation string `json:"organisation"`
	// Contact, a role rather than a person.
	Contact string `json:"contact,omitempty"`
	// ProtectionNeed: normal, high or veryHigh. Missing is an error.
	ProtectionNeed ProtectionNeed `json:"protectionNeed"`
	// Images that the site gives the checks.
	Images SiteImages `json:"images,omitzero"`
	// Registries from which pods may take images: a host, with a port and a
	// path where it has them, such as registry.example.org/verwaltung.
	Registries []string `json:"registries,omitempty"`
	// AllowedPorts of the platform that a tenant's pods may reach: of the API
	// servers, and of ManagementTargets. An empty list says that there is none.
	AllowedPorts []AllowedPort `json:"allowedPorts,omitempty"`
	// ManagementTargets are further ports by which the platform is administered,
	// such as storage or the nodes' management controllers. At most 20.
	ManagementTargets []ManagementTarget `json:"managementTargets,omitempty"`
	// EgressCanary is a server in the internet that answers always; without it
	// nothing is said of connections to the internet.
	EgressCanary *EgressCanary `json:"egressCanary,omitempty"`
	// OnlyTR02102Suites says that the site must offer no other cipher suites than
	// BSI TR-02102-2 recommends. Of others such ones are a figure.
	OnlyTR02102Suites bool `json:"onlyTR02102Suites,omitempty"`
	// Hooks are programs of the site that do what only the site can do.
	Hooks []Hook `json:"hooks,omitempty"`
	// Answers to the catalogue's questions, at most one for a statement.
	Answers []Answer `json:"answers,omitempty"`
	// Waivers are deviations that the site accepts for a time.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// SiteImages are references in the site's own registry, by digest.
type SiteImages struct {
	// Cold is an image with the same program as bvc's and a layer that no
	// node has yet; without it the cold start is not measured.
	Cold string `json:"cold,omitempty"`
	// Signed, Unsigned and WrongKey are the same program in one repository
	// that the site's rule about signatures holds for: with a signature that
	// the rule accepts, with none, and with one of a key that nobody has any
	// more. bvc mirror makes them. All three are given, or none.
	Signed   string `json:"signed,omitempty"`
	Unsigned string `json:"unsigned,omitempty"`
	WrongKey string `json:"wrongKey,omitempty"`
	// PullSecret names a Secret of type kubernetes.io/dockerconfigjson in the
	// tenant namespaces, with which the three images are looked at and pulled.
	PullSecret string `json:"pullSecret,omitempty"`
	// PlainHTTP says that their registry has no TLS. For test registries only.
	PlainHTTP bool `json:"plainHTTP,omitempty"`
	// RegistryCA are certificates in PEM of the authority of their registry.
	RegistryCA string `json:"registryCA,omitempty"`
}

// AllowedPort is one port of the platform that a tenant's pods may reach.
type AllowedPort struct {
	// Port from 1 to 65535.
	Port int `json:"port"`
	// Protocol: TCP, UDP or SCTP.
	Protocol Protocol `json:"protocol"`
	// Reason why pods need it.
	Reason string `json:"reason"`
}

// ManagementTarget is one TCP port by which the platform is administered.
type ManagementTarget struct {
	// Address is an IP address.
	Address string `json:"address"`
	// Port from 1 to 65535.
	Port int `json:"port"`
}

// EgressCanary is a TCP server outside the data centre.
type EgressCanary struct {
	// Address is an IP address: a name would try the name resolution instead.
	Address string `json:"address"`
	// Port from 1 to 65535.
	Port int `json:"port"`
}

// Protocol is a transport as Kubernetes writes it.
type Protocol string

// Protocols of Kubernetes services.
const (
	TCP  Protocol = "TCP"
	UDP  Protocol = "UDP"
	SCTP Protocol = "SCTP"
)

// Hook is a program of the site in an image. It runs as a pod and tells its
// result by its exit code: 0 done or found, 1 not found, else trouble. What
// it says is never a verdict by itself.
type Hook struct {
	// Name says what the hook does.
	Name HookName `json:"name"`
	// Image by digest.
	Image string `json:"image"`
	// Arguments of the image's entry point.
	Arguments []string `json:"arguments,omitempty"`
	// TimeoutSeconds from 1 to 3600.
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// HookName is what a hook does.
type HookName string

// Hooks that checks know.
const (
	// HookBackup backs up one namespace.
	HookBackup HookName = "backup"
	// HookRestore restores that backup.
	HookRestore HookName = "restore"
	// HookFindLog looks for a line in the site's log store.
	HookFindLog HookName = "findLog"
	// HookFindAudit looks for an event in the site's store of audit events.
	HookFindAudit HookName = "findAudit"
)

// Answer is what a site declares about a statement that no check decides as a
// whole. It is a declaration: nobody has measured it.
type Answer struct {
	// Statement is the ID, such as APP.4.4.A1-UA.1.
	Statement string `json:"statement"`
	// Says how far the statement is put into practice.
	Says AnswerWord `json:"says"`
	// Text is the answer in a few sentences; needed unless the statement is met.
	Text string `json:"text,omitempty"`
	// Evidence says where the proof is, such as a document and its section.
	Evidence string `json:"evidence"`
	// Role of who answers, rather than a person's name.
	Role string `json:"role"`
	// Date of the answer.
	Date Date `json:"date"`
	// Expires is the last day on which the answer counts.
	Expires Date `json:"expires"`
}

// AnswerWord is how far a statement is put into practice, as the site says.
type AnswerWord string

// What a site can declare.
const (
	Met                   AnswerWord = "met"
	PartlyMet             AnswerWord = "partlyMet"
	NotMet                AnswerWord = "notMet"
	DeclaredNotApplicable AnswerWord = "notApplicable"
)

// Counts reports whether the answer makes an open statement a declared one at
// a time: it says that nothing is missing, and it has not expired.
func (a Answer) Counts(at time.Time) bool {
	return (a.Says == Met || a.Says == DeclaredNotApplicable) && !a.Expires.Over(at)
}

// Waiver is an accepted deviation. It never changes an outcome.
type Waiver struct {
	// Check is the ID of the check whose deviation is accepted.
	Check string `json:"check"`
	// Scope says on which objects, nodes or namespaces it is accepted.
	Scope string `json:"scope"`
	// Reason why it is accepted, and what is done meanwhile.
	Reason string `json:"reason"`
	// Owner is the role that removes the deviation.
	Owner string `json:"owner"`
	// Approver is the role that accepted it.
	Approver string `json:"approver"`
	// Expires is the last day of the waiver.
	Expires Date `json:"expires"`
}

// WaiverStatus is how a reader shows a waiver.
type WaiverStatus string

// Statuses of a waiver.
const (
	// WaiverEffective: the check deviates, and the waiver has not expired.
	WaiverEffective WaiverStatus = "effective"
	// WaiverExpired: the check deviates, and the waiver has expired.
	WaiverExpired WaiverStatus = "expired"
	// WaiverNotNeeded: the check does not deviate.
	WaiverNotNeeded WaiverStatus = "notNeeded"
	// WaiverUndecided: the check did not decide, so neither is known.
	WaiverUndecided WaiverStatus = "undecided"
)

// Status gives how a reader shows the waiver at a time, by the outcome of its
// check.
func (w Waiver) Status(outcome Outcome, at time.Time) WaiverStatus {
	switch {
	case outcome == Pass || outcome == NotApplicable:
		return WaiverNotNeeded
	case outcome != Fail:
		return WaiverUndecided
	case w.Expires.Over(at):
		return WaiverExpired
	}
	return WaiverEffective
}

// Date is a day such as 2026-11-21; it ends at midnight in UTC.
type Date string

// Validate reports whether the date is a day of the calendar, written so.
func (d Date) Validate() error {
	if d == "" {
		return fmt.Errorf("is missing; write a day such as 2027-01-31")
	}
	if _, err := time.Parse(time.DateOnly, string(d)); err != nil {
		return fmt.Errorf("%s is no day; write it such as 2027-01-31", quoted(string(d)))
	}
	return nil
}

// Over reports whether the day has ended. What is no day is over.
func (d Date) Over(at time.Time) bool {
	day, err := time.Parse(time.DateOnly, string(d))
	return err != nil || !at.Before(day.AddDate(0, 0, 1))
}
