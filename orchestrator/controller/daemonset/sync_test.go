package daemonset

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// TestALateCacheMakesNothingTwice syncs again and again while the cache does not show the pods yet.
func TestALateCacheMakesNothingTwice(t *testing.T) {
	ds := set("v1")
	c := controllertest.New(t, ds, node("a"), node("b"))
	r, ok := New(c.Env).(*Controller)
	require.True(t, ok)
	c.Refresh()
	require.NoError(t, c.Informers.Apps().V1().DaemonSets().Informer().GetIndexer().Add(ds))
	for range 3 {
		require.NoError(t, r.sync(context.Background(), "ns/proxy"))
	}
	require.Len(t, c.Pods(nil), 2)
}

// TestAPodThatIsGoneIsNotWaitedFor deletes a pod whose end the informer has shown already: it will not show it again.
func TestAPodThatIsGoneIsNotWaitedFor(t *testing.T) {
	ds := set("v1")
	r, ok := New(controllertest.New(t, ds).Env).(*Controller)
	require.True(t, ok)
	gone := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "gone", UID: "gone"}}
	p := &pass{Controller: r, key: "ns/proxy", ds: ds}
	require.NoError(t, p.apply(context.Background(), nil, []*v1.Pod{gone}))
	require.True(t, r.expected.Satisfied("ns/proxy"))
}

func TestSparseSets(t *testing.T) {
	proxy := map[string]string{"app": "proxy"}
	for name, spec := range map[string]apps.DaemonSetSpec{
		"nothing": {},
		"no strategy": {
			Selector: &metav1.LabelSelector{MatchLabels: proxy},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: proxy}},
		},
		"another's": {Selector: &metav1.LabelSelector{MatchLabels: proxy}},
	} {
		t.Run(name, func(t *testing.T) {
			ds := &apps.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "proxy", UID: "proxy-uid"}, Spec: spec}
			c := controllertest.New(t, ds, node("a"))
			r, ok := New(c.Env).(*Controller)
			require.True(t, ok)
			c.Refresh()
			require.NoError(t, c.Informers.Apps().V1().DaemonSets().Informer().GetIndexer().Add(ds))
			err := r.sync(context.Background(), "ns/proxy")
			if name == "no strategy" {
				require.NoError(t, err)
				require.Len(t, c.Pods(nil), 1)
			} else {
				require.Error(t, err)
				require.Empty(t, c.Pods(nil))
			}
		})
	}
}

func TestPodTemplateToleratesForEver(t *testing.T) {
	ds := set("v1")
	seconds := int64(300)
	ds.Spec.Template.Spec.Tolerations = []v1.Toleration{
		{Key: v1.TaintNodeNotReady, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &seconds},
	}
	ds.Spec.Template.Spec.HostNetwork = true
	tolerations := podTemplate(ds, "hash").Spec.Tolerations
	require.Len(t, tolerations, 7)
	require.Nil(t, tolerations[0].TolerationSeconds)
	require.Equal(t, v1.TaintNodeNetworkUnavailable, tolerations[6].Key)
	require.Len(t, ds.Spec.Template.Spec.Tolerations, 1, "the set itself stays as it is")
}
