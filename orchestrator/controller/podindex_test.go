package controller

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestPodIndexes(t *testing.T) {
	client := fake.NewSimpleClientset()
	env := &Env{Client: client, Informers: informers.NewSharedInformerFactory(client, 0)}
	onNode, again, byClaim := PodsByNode(env), PodsByNode(env), PodsByClaim(env) // two controllers want the same index
	mounting := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p"},
		Spec: v1.PodSpec{NodeName: "n", Volumes: []v1.Volume{
			{Name: "x", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
			{Name: "y", VolumeSource: v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}},
			{Name: "z", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
		}},
	}
	unbound := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "q"}}
	for _, p := range []*v1.Pod{mounting, unbound} {
		require.NoError(t, env.Informers.Core().V1().Pods().Informer().GetIndexer().Add(p))
	}
	for name, c := range map[string]struct {
		list func(string) ([]*v1.Pod, error)
		key  string
		want []*v1.Pod
	}{
		"on the node":          {onNode, "n", []*v1.Pod{mounting}},
		"on the node, again":   {again, "n", []*v1.Pod{mounting}},
		"on no node":           {onNode, "", []*v1.Pod{}},
		"by claim":             {byClaim, "a/c", []*v1.Pod{mounting}},
		"by ephemeral volume":  {byClaim, "a/p-y", []*v1.Pod{mounting}},
		"by another namespace": {byClaim, "b/c", []*v1.Pod{}},
	} {
		t.Run(name, func(t *testing.T) {
			pods, err := c.list(c.key)
			require.NoError(t, err)
			require.Equal(t, c.want, pods)
		})
	}
}

func TestPodsByOwnerAreOwnAndOrphans(t *testing.T) {
	elsewhere := ownedPod("elsewhere", "", "")
	elsewhere.Namespace = "other"
	client := fake.NewSimpleClientset(
		ownedPod("own", "set", "set-uid"), ownedPod("foreign", "x", "x-uid"), ownedPod("orphan", "", ""), elsewhere)
	e := &Env{Informers: informers.NewSharedInformerFactory(client, 0)}
	list := PodsByOwner(e)
	ctx, cancel := context.WithCancel(context.Background())
	defer e.Informers.Shutdown()
	defer cancel()
	e.Informers.Start(ctx.Done())
	e.Informers.WaitForCacheSync(ctx.Done())
	pods, err := list(&metav1.ObjectMeta{Namespace: "ns", UID: "set-uid"})
	require.NoError(t, err)
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	require.Equal(t, []string{"orphan", "own"}, names)
}
