package check

import (
	"fmt"
	"strings"
)

// Identity is who needs a right.
type Identity string

// Runner is the account that observes, Tenant the account that acts as a
// customer of the platform does.
const (
	Runner Identity = "runner"
	Tenant Identity = "tenant"
)

// Scope is where a right is needed.
type Scope string

// Scopes. TenantNamespaces are the prepared namespaces of design.md
// ("Rights"); any other value is the name of one namespace.
const (
	ClusterWide      Scope = ""
	TenantNamespaces Scope = "tenant namespaces"
)

// BeyondEditRole is the Role of rbac.yaml with what the tenant may do beyond
// the role edit (Right.BeyondEdit).
const BeyondEditRole = "bvc-tenant-beyond-edit"

// Right is one thing that a probe must be allowed to do. From the rights of
// all probes comes rbac.yaml, the preflight, and the list of effective rights
// in the report.
type Right struct {
	As   Identity
	Verb string
	// Group is the API group, empty for core.
	Group string
	// Resource in the plural, with "/subresource" where there is one.
	Resource string
	// Name restricts the right to one object; empty is any.
	Name string
	// Scope is where; ignored for a NonResource path.
	Scope Scope
	// NonResource is a path such as /metrics; then Group, Resource, Name and
	// Scope are empty.
	NonResource string
	// BeyondEdit marks a right of the tenant that Kubernetes' role edit does
	// not hold: rbac.yaml grants it by a Role of its own.
	BeyondEdit bool
	// Optional marks a right without which the probe runs all the same and
	// records what it could not see.
	Optional bool
	// OptIn names the manifest that grants the right where it is not rbac.yaml;
	// without it the checks are not run, which a site may decide.
	OptIn string
}

// String is the right as reports and messages show it.
func (r Right) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s ", r.As, r.Verb)
	if r.NonResource != "" {
		b.WriteString(r.NonResource)
		return b.String()
	}
	b.WriteString(r.Resource)
	if r.Group != "" {
		b.WriteString("." + r.Group)
	}
	if r.Name != "" {
		fmt.Fprintf(&b, " %q", r.Name)
	}
	switch r.Scope {
	case ClusterWide:
	case TenantNamespaces:
		b.WriteString(" in tenant namespaces")
	default:
		fmt.Fprintf(&b, " in namespace %s", string(r.Scope))
	}
	if r.BeyondEdit {
		fmt.Fprintf(&b, " (not in the role edit; Role %s)", BeyondEditRole)
	}
	if r.Optional {
		b.WriteString(" (optional)")
	}
	if r.OptIn != "" {
		fmt.Fprintf(&b, " (opt-in: %s)", r.OptIn)
	}
	return b.String()
}
