package replicas

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// one is Sets of which one is synced.
type one struct {
	set      *apps.ReplicaSet
	others   []*apps.ReplicaSet
	informer cache.SharedIndexInformer
}

func (o *one) Kind() schema.GroupVersionKind                { return apps.SchemeGroupVersion.WithKind("ReplicaSet") }
func (o *one) Informer() cache.SharedIndexInformer          { return o.informer }
func (o *one) Get(string, string) (*apps.ReplicaSet, error) { return o.set, nil }

func (o *one) List(string) ([]*apps.ReplicaSet, error) {
	return append([]*apps.ReplicaSet{o.set}, o.others...), nil
}

func (o *one) Live(context.Context, string, string) (metav1.Object, error) { return o.set, nil }

func (o *one) UpdateStatus(_ context.Context, _ *apps.ReplicaSet, status *apps.ReplicaSetStatus) error {
	o.set.Status = *status
	return nil
}

// TestALateCacheMakesNothingTwice syncs again and again while the cache still shows what was before.
func TestALateCacheMakesNothingTwice(t *testing.T) {
	ctx := context.Background()
	web := map[string]string{"app": "web"}
	set := &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid"},
		Spec: apps.ReplicaSetSpec{
			Replicas: ptr.To(int32(7)), Selector: &metav1.LabelSelector{MatchLabels: web},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: web}},
		},
	}
	c := controllertest.New(t)
	r := New(c.Env, "test", &one{set: set, informer: c.Informers.Apps().V1().ReplicaSets().Informer()})
	for range 3 {
		require.NoError(t, r.sync(ctx, "ns/web"))
	}
	require.Len(t, c.Writes(), 7)
	require.Zero(t, set.Status.Replicas)

	c.Start(controller.RunFunc(func(context.Context) {})) // the informer's handlers are called, no loop runs
	require.Eventually(t, func() bool { return r.expected.Satisfied("ns/web") }, 10*time.Second, time.Millisecond)
	c.Writes()
	for range 3 {
		require.NoError(t, r.sync(ctx, "ns/web"))
	}
	require.Empty(t, c.Writes())
	require.EqualValues(t, 7, set.Status.Replicas)

	set.Spec.Replicas = ptr.To(int32(2))
	for range 3 {
		require.NoError(t, r.sync(ctx, "ns/web"))
	}
	require.Len(t, c.Writes(), 5)
	require.Len(t, c.Pods(nil), 2)
}

// TestAPodThatIsGoneIsNotWaitedFor deletes a pod whose end the informer has shown already: it will not show it again.
func TestAPodThatIsGoneIsNotWaitedFor(t *testing.T) {
	web := map[string]string{"app": "web"}
	set := &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid"},
		Spec:       apps.ReplicaSetSpec{Replicas: ptr.To(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: web}},
	}
	c := controllertest.New(t)
	r := New(c.Env, "test", &one{set: set, informer: c.Informers.Apps().V1().ReplicaSets().Informer()})
	gone := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "gone", UID: "gone"}}
	require.NoError(t, r.delete(context.Background(), "ns/web", set, []*v1.Pod{gone}))
	require.True(t, r.expected.Satisfied("ns/web"))
}

// TestThePodBesideASiblingGoesFirst has a set of two pods, one of which shares its node with a pod of the same Deployment's
// other set.
func TestThePodBesideASiblingGoesFirst(t *testing.T) {
	web := map[string]string{"app": "web"}
	deployment := metav1.NewControllerRef(&metav1.ObjectMeta{Name: "web", UID: "d"}, apps.SchemeGroupVersion.WithKind("Deployment"))
	set := func(name string, replicas int32) *apps.ReplicaSet {
		return &apps.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), OwnerReferences: []metav1.OwnerReference{*deployment}},
			Spec: apps.ReplicaSetSpec{
				Replicas: ptr.To(replicas), Selector: &metav1.LabelSelector{MatchLabels: web},
				Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: web}},
			},
		}
	}
	kind := apps.SchemeGroupVersion.WithKind("ReplicaSet")
	pod := func(name, node string, owner *apps.ReplicaSet) *v1.Pod {
		return &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "ns", Name: name, UID: types.UID(name), Labels: web,
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)},
			},
			Spec: v1.PodSpec{NodeName: node}, Status: v1.PodStatus{Phase: v1.PodRunning},
		}
	}
	shrinks, sibling := set("shrinks", 1), set("sibling", 1)
	for _, crowded := range []string{"a", "b"} {
		c := controllertest.New(t, pod("on-a", "a", shrinks), pod("on-b", "b", shrinks), pod("of-sibling", crowded, sibling))
		sets := &one{set: shrinks, others: []*apps.ReplicaSet{sibling}, informer: c.Informers.Apps().V1().ReplicaSets().Informer()}
		r := New(c.Env, "test", sets)
		c.Refresh()
		require.NoError(t, r.sync(context.Background(), "ns/shrinks"))
		require.Equal(t, []string{"delete pods ns/on-" + crowded}, c.Writes())
	}
}
