package rbac

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// naive decides by going through everything in the plainest way, on the objects themselves.
type naive []runtime.Object

func (n naive) allows(a authorizer.AttributesRecord) bool {
	for _, o := range n {
		switch b := o.(type) {
		case *rbacv1.ClusterRoleBinding:
			if n.names(b.Subjects, "", a.User) && n.roleAllows(b.RoleRef, "", a) {
				return true
			}
		case *rbacv1.RoleBinding:
			if b.Namespace == a.Namespace && n.names(b.Subjects, b.Namespace, a.User) && n.roleAllows(b.RoleRef, b.Namespace, a) {
				return true
			}
		}
	}
	return false
}

func (n naive) names(subjects []rbacv1.Subject, namespace string, u user.Info) bool {
	for _, s := range subjects {
		in := s.Namespace
		if in == "" {
			in = namespace
		}
		switch s.Kind {
		case "User":
			if s.Name == u.GetName() {
				return true
			}
		case "Group":
			for _, g := range u.GetGroups() {
				if g == s.Name {
					return true
				}
			}
		case "ServiceAccount":
			if in != "" && u.GetName() == "system:serviceaccount:"+in+":"+s.Name {
				return true
			}
		}
	}
	return false
}

func (n naive) roleAllows(ref rbacv1.RoleRef, namespace string, a authorizer.AttributesRecord) bool {
	for _, o := range n {
		var rules []rbacv1.PolicyRule
		switch r := o.(type) {
		case *rbacv1.ClusterRole:
			if ref.Kind == "ClusterRole" && ref.Name == r.Name {
				rules = r.Rules
			}
		case *rbacv1.Role:
			if ref.Kind == "Role" && ref.Name == r.Name && r.Namespace == namespace {
				rules = r.Rules
			}
		}
		for _, rule := range rules {
			for _, verb := range rule.Verbs {
				if verb != "*" && verb != a.Verb {
					continue
				}
				if a.ResourceRequest && n.tuple(rule, a) || !a.ResourceRequest && n.url(rule, a.Path) {
					return true
				}
			}
		}
	}
	return false
}

func (naive) tuple(rule rbacv1.PolicyRule, a authorizer.AttributesRecord) bool {
	whole := a.Resource
	if a.Subresource != "" {
		whole += "/" + a.Subresource
	}
	for _, g := range rule.APIGroups {
		for _, r := range rule.Resources {
			star := a.Subresource != "" && r == "*/"+a.Subresource
			if (g == "*" || g == a.APIGroup) && (r == "*" || r == whole || star) {
				if len(rule.ResourceNames) == 0 || strings.Contains(","+strings.Join(rule.ResourceNames, ",")+",", ","+a.Name+",") {
					return true
				}
			}
		}
	}
	return false
}

func (naive) url(rule rbacv1.PolicyRule, path string) bool {
	for _, u := range rule.NonResourceURLs {
		if u == path || u[len(u)-1] == '*' && len(path) >= len(u)-1 && path[:len(u)-1] == u[:len(u)-1] {
			return true
		}
	}
	return false
}

// some returns up to max of the choices, at least one.
func some(rnd *rand.Rand, max int, choices ...string) (picked []string) {
	for range 1 + rnd.IntN(max) {
		picked = append(picked, choices[rnd.IntN(len(choices))])
	}
	return picked
}

func randomRules(rnd *rand.Rand) (rules []rbacv1.PolicyRule) {
	for range 1 + rnd.IntN(2) {
		if rnd.IntN(5) == 0 {
			rules = append(rules, urls(some(rnd, 2, "get", "post", "*"), some(rnd, 2, "/healthz", "/healthz/*", "/metrics", "/*", "*")...))
			continue
		}
		r := rule(some(rnd, 2, "get", "list", "create", "delete", "update", "*"), some(rnd, 2, "", "apps", "apps", "*"),
			some(rnd, 2, "pods", "pods/log", "deployments", "deployments/scale", "*/scale", "*/log", "pods/*", "*"))
		if rnd.IntN(3) == 0 {
			r.ResourceNames = some(rnd, 2, "a", "b")
		}
		rules = append(rules, r)
	}
	return rules
}

func randomSubjects(rnd *rand.Rand, inNamespace bool) (subjects []rbacv1.Subject) {
	all := []rbacv1.Subject{toUser("alice"), toUser("bob"), toGroup("dev"), toGroup("ops"), toAccount("x", "robot"), toAccount("y", "robot")}
	if inNamespace {
		all = append(all, toAccount("", "robot"))
	}
	for range rnd.IntN(3) {
		subjects = append(subjects, all[rnd.IntN(len(all))])
	}
	return subjects
}

// randomPolicy also binds roles that don't exist.
func randomPolicy(rnd *rand.Rand) (objects []runtime.Object) {
	for i := range 4 {
		name := fmt.Sprint("r", i)
		objects = append(objects, clusterRole(name, randomRules(rnd)...))
		for _, ns := range []string{"x", "y"} {
			objects = append(objects, role(ns, name, randomRules(rnd)...))
		}
	}
	for i := range 4 {
		name := fmt.Sprint("b", i)
		objects = append(objects, clusterBinding(name, fmt.Sprint("r", rnd.IntN(6)), randomSubjects(rnd, false)...))
		for _, ns := range []string{"x", "y"} {
			ref := roleRef([]string{"Role", "ClusterRole"}[rnd.IntN(2)], fmt.Sprint("r", rnd.IntN(6)))
			objects = append(objects, binding(ns, name, ref, randomSubjects(rnd, true)...))
		}
	}
	return objects
}

// everyRequest returns users x verbs x resources x names x namespaces, and users x verbs x paths.
func everyRequest() (all []authorizer.AttributesRecord) {
	users := []user.Info{
		person("alice"), person("bob", "dev"), person("carol", "ops", "dev"), person("nobody"),
		person("system:serviceaccount:x:robot", "system:serviceaccounts"), person("system:serviceaccount:y:robot"),
	}
	resources := [][3]string{
		{"", "pods", ""}, {"", "pods", "log"}, {"apps", "deployments", ""}, {"apps", "deployments", "scale"}, {"apps", "pods", ""}, {"batch", "jobs", ""},
	}
	for _, u := range users {
		for _, verb := range []string{"get", "list", "create", "update", "delete", "post"} {
			for _, r := range resources {
				for _, name := range []string{"", "a", "b", "c"} {
					for _, ns := range []string{"", "x", "y", "z"} {
						all = append(all, authorizer.AttributesRecord{
							User: u, Verb: verb, ResourceRequest: true,
							APIGroup: r[0], Resource: r[1], Subresource: r[2], Name: name, Namespace: ns,
						})
					}
				}
			}
			for _, path := range []string{"/", "/healthz", "/healthz/etcd", "/metrics", "/met"} {
				all = append(all, authorizer.AttributesRecord{User: u, Verb: verb, Path: path})
			}
		}
	}
	return all
}

// TestMatrix compares all decisions under random policies with those of the naive evaluator.
func TestMatrix(t *testing.T) {
	requests := everyRequest()
	for seed := range uint64(40) {
		objects := randomPolicy(rand.New(rand.NewPCG(seed, 7)))
		a := resolverOf(t, objects...).Authorizer()
		allowed := 0
		for _, r := range requests {
			decision, reason, err := a.Authorize(t.Context(), r)
			require.NoError(t, err)
			want := authorizer.DecisionNoOpinion
			if naive(objects).allows(r) {
				want = authorizer.DecisionAllow
				allowed++
			}
			require.Equal(t, want, decision, "seed %d: %+v: %s", seed, r, reason)
		}
		require.NotZero(t, allowed, "seed %d", seed)
		require.NotEqual(t, len(requests), allowed, "seed %d", seed)
	}
}
