package rootca

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newNamespace(phase v1.NamespacePhase) *v1.Namespace {
	return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: v1.NamespaceStatus{Phase: phase}}
}

func newConfigMap(data map[string]string) *v1.ConfigMap {
	return &v1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "kube-root-ca.crt", Annotations: map[string]string{annotation: description}},
		Data:       data,
	}
}

func TestSync(t *testing.T) {
	for name, c := range map[string]struct {
		objects []runtime.Object
		want    []string
	}{
		"missing": {[]runtime.Object{newNamespace(v1.NamespaceActive)}, []string{"create configmaps a/kube-root-ca.crt"}},
		"there":   {[]runtime.Object{newNamespace(v1.NamespaceActive), newConfigMap(map[string]string{"ca.crt": "CA"})}, nil},
		"another": {
			[]runtime.Object{newNamespace(v1.NamespaceActive), newConfigMap(map[string]string{"ca.crt": "evil", "x": "y"})},
			[]string{"update configmaps a/kube-root-ca.crt"},
		},
		"the namespace is on its way out": {[]runtime.Object{newNamespace(v1.NamespaceTerminating)}, nil},
		"the namespace is gone":           {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cl := controllertest.New(t, c.objects...)
			p := newPublisher(cl.Env, []byte("CA"))
			cl.Refresh()
			require.NoError(t, p.sync(context.Background(), "a"))
			require.Equal(t, c.want, cl.Writes())
			if c.want != nil {
				cm, err := cl.Fake.CoreV1().ConfigMaps("a").Get(context.Background(), "kube-root-ca.crt", metav1.GetOptions{})
				require.NoError(t, err)
				require.Equal(t, newConfigMap(map[string]string{"ca.crt": "CA"}).Data, cm.Data)
				require.Equal(t, description, cm.Annotations["kubernetes.io/description"])
			}
		})
	}
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newNamespace(v1.NamespaceActive))
	c.Versions()
	c.Start(New(c.Env, []byte("CA")))
	right := func() bool {
		cm, err := c.Fake.CoreV1().ConfigMaps("a").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err == nil && cm.Data["ca.crt"] == "CA"
	}
	c.Eventually(right, "made")
	_, err := c.Fake.CoreV1().ConfigMaps("a").Patch(ctx, "kube-root-ca.crt", types.MergePatchType, []byte(`{"data":{"ca.crt":"evil"}}`),
		metav1.PatchOptions{})
	require.NoError(t, err)
	c.Eventually(right, "put right")
	require.NoError(t, c.Fake.CoreV1().ConfigMaps("a").Delete(ctx, "kube-root-ca.crt", metav1.DeleteOptions{}))
	c.Eventually(right, "made again")
}
