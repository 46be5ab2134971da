package bootstrap

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// text writes an object with one line for each rule, subject or selector.
func text(obj runtime.Object) string {
	var b strings.Builder
	head := func(kind string, m *metav1.ObjectMeta, more string) {
		fmt.Fprintf(&b, "%s %s%s\n", kind, strings.TrimPrefix(m.Namespace+"/"+m.Name, "/"), more)
		for _, key := range slices.Sorted(maps.Keys(m.Labels)) {
			if key == "kubernetes.io/bootstrapping" {
				continue
			}
			fmt.Fprintf(&b, "\tlabel %s=%s\n", key, m.Labels[key])
		}
	}
	rules := func(rules []rbacv1.PolicyRule) {
		for _, r := range rules {
			line := strings.Join(r.Verbs, ",") + ": "
			if len(r.NonResourceURLs) > 0 {
				line += strings.Join(r.NonResourceURLs, " ")
			}
			if len(r.Resources) > 0 {
				line += fmt.Sprintf("%q %s", r.APIGroups, strings.Join(r.Resources, " "))
			}
			if len(r.ResourceNames) > 0 {
				line += " named " + strings.Join(r.ResourceNames, ", ")
			}
			fmt.Fprintf(&b, "\t%s\n", line)
		}
	}
	subjects := func(subjects []rbacv1.Subject) {
		for _, s := range subjects {
			fmt.Fprintf(&b, "\t%s %s\n", s.Kind, strings.TrimPrefix(s.Namespace+"/"+s.Name, "/"))
		}
	}
	switch o := obj.(type) {
	case *v1.Namespace:
		head("Namespace", &o.ObjectMeta, "")
	case *schedulingv1.PriorityClass:
		head("PriorityClass", &o.ObjectMeta, fmt.Sprint(" ", o.Value))
	case *rbacv1.ClusterRole:
		head("ClusterRole", &o.ObjectMeta, "")
		if o.AggregationRule != nil {
			for _, s := range o.AggregationRule.ClusterRoleSelectors {
				fmt.Fprintf(&b, "\taggregates %s\n", metav1.FormatLabelSelector(&s))
			}
		}
		rules(o.Rules)
	case *rbacv1.Role:
		head("Role", &o.ObjectMeta, "")
		rules(o.Rules)
	case *rbacv1.ClusterRoleBinding:
		head("ClusterRoleBinding", &o.ObjectMeta, " -> "+o.RoleRef.Kind+" "+o.RoleRef.Name)
		subjects(o.Subjects)
	case *rbacv1.RoleBinding:
		head("RoleBinding", &o.ObjectMeta, " -> "+o.RoleRef.Kind+" "+o.RoleRef.Name)
		subjects(o.Subjects)
	default:
		fmt.Fprintf(&b, "%T?\n", obj)
	}
	return b.String()
}

// TestGolden shows every change. UPDATE_GOLDEN=1 writes the file anew, so that the change can be read in its diff.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, obj := range Objects() {
		b.WriteString(text(obj))
	}
	file := filepath.Join("testdata", "objects.txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}
