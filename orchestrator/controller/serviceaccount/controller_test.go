package serviceaccount

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newNamespace(phase v1.NamespacePhase) *v1.Namespace {
	return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: v1.NamespaceStatus{Phase: phase}}
}

func TestSync(t *testing.T) {
	account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "default"}}
	for name, c := range map[string]struct {
		objects []runtime.Object
		want    []string
	}{
		"missing": {
			[]runtime.Object{newNamespace(v1.NamespaceActive)}, []string{"create serviceaccounts a/default"},
		},
		"there":                           {[]runtime.Object{newNamespace(v1.NamespaceActive), account}, nil},
		"the namespace is on its way out": {[]runtime.Object{newNamespace(v1.NamespaceTerminating)}, nil},
		"the namespace is gone":           {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cl := controllertest.New(t, c.objects...)
			k := newKeeper(cl.Env)
			cl.Refresh()
			require.NoError(t, k.sync(context.Background(), "a"))
			require.Equal(t, c.want, cl.Writes())
		})
	}
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newNamespace(v1.NamespaceActive))
	c.Versions()
	c.Start(New(c.Env))
	there := func() bool {
		_, err := c.Fake.CoreV1().ServiceAccounts("a").Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	}
	c.Eventually(there, "made")
	c.Eventually(func() bool {
		sa, err := c.Informers.Core().V1().ServiceAccounts().Lister().ServiceAccounts("a").Get("default")
		return err == nil && sa != nil
	}, "seen")
	require.NoError(t, c.Fake.CoreV1().ServiceAccounts("a").Delete(ctx, "default", metav1.DeleteOptions{}))
	c.Eventually(there, "made again")
}
