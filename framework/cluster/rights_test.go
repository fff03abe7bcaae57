package cluster

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/check"
)

// Rules grant only what they say beyond doubt; all else is asked.
func TestGrants(t *testing.T) {
	right := check.Right{As: check.Tenant, Verb: "create", Group: "apps", Resource: "deployments", Scope: check.TenantNamespaces}
	sub := check.Right{As: check.Tenant, Verb: "create", Resource: "pods/exec", Scope: check.TenantNamespaces}
	named := check.Right{As: check.Runner, Verb: "create", Resource: "serviceaccounts/token", Name: "tenant"}
	rule := func(verb, group, resource string, names ...string) authorizationv1.ResourceRule {
		return authorizationv1.ResourceRule{Verbs: []string{"get", verb}, APIGroups: []string{group}, Resources: []string{"other", resource}, ResourceNames: names}
	}
	for name, c := range map[string]struct {
		right      check.Right
		incomplete bool
		rules      []authorizationv1.ResourceRule
		want       bool
	}{
		"exact":                      {right, false, []authorizationv1.ResourceRule{rule("create", "apps", "deployments")}, true},
		"everything":                 {right, false, []authorizationv1.ResourceRule{rule("*", "*", "*")}, true},
		"no rule":                    {right, false, nil, false},
		"other verb":                 {right, false, []authorizationv1.ResourceRule{rule("list", "apps", "deployments")}, false},
		"other group":                {right, false, []authorizationv1.ResourceRule{rule("create", "", "deployments")}, false},
		"other resource":             {right, false, []authorizationv1.ResourceRule{rule("create", "apps", "statefulsets")}, false},
		"halves in two rules":        {right, false, []authorizationv1.ResourceRule{rule("create", "", "deployments"), rule("list", "apps", "deployments")}, false},
		"one object only":            {right, false, []authorizationv1.ResourceRule{rule("create", "apps", "deployments", "mine")}, false},
		"an authoriser is missing":   {right, true, []authorizationv1.ResourceRule{rule("*", "*", "*")}, false},
		"resource, not its part":     {sub, false, []authorizationv1.ResourceRule{rule("create", "", "pods")}, false},
		"part":                       {sub, false, []authorizationv1.ResourceRule{rule("create", "", "pods/exec")}, true},
		"the object that is meant":   {named, false, []authorizationv1.ResourceRule{rule("create", "", "serviceaccounts/token", "tenant")}, true},
		"an object that is not":      {named, false, []authorizationv1.ResourceRule{rule("create", "", "serviceaccounts/token", "other")}, false},
		"all objects, one was meant": {named, false, []authorizationv1.ResourceRule{rule("create", "", "serviceaccounts/token")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := grants(authorizationv1.SubjectRulesReviewStatus{Incomplete: c.incomplete, ResourceRules: c.rules}, c.right); got != c.want {
				t.Errorf("grants = %v, want %v", got, c.want)
			}
		})
	}
}

// Each client of its own would send QPS: a site would get a multiple of what it allowed.
func TestOneRateForBothIdentities(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/token") {
			_ = json.NewEncoder(w).Encode(authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{Token: "t"}})
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	env, err := New(t.Context(), Config{
		Rest:  &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}},
		RunID: "r", Image: "i", Namespaces: []string{"a"}, QPS: 1000, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if env.TenantIdentity != IdentityServiceAccount || env.TenantConfig.RateLimiter == nil || env.TenantConfig.RateLimiter != env.RunnerConfig.RateLimiter {
		t.Errorf("the tenant (%s) and the runner do not share one limiter", env.TenantIdentity)
	}
	if env.Runner.CoreV1().RESTClient().GetRateLimiter() != env.limiter || env.Tenant.AppsV1().RESTClient().GetRateLimiter() != env.limiter {
		t.Error("a client does not use the run's limiter")
	}
}
