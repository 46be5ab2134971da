package pvcprotection

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

const ours = "kubernetes.io/pvc-protection"

func newClaim(deleted bool, finalizers ...string) *v1.PersistentVolumeClaim {
	pvc := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p-data", Finalizers: finalizers}}
	if deleted {
		pvc.DeletionTimestamp = &metav1.Time{Time: controllertest.Epoch}
	}
	return pvc
}

func newPod(node string, source v1.VolumeSource) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p"},
		Spec:       v1.PodSpec{NodeName: node, Volumes: []v1.Volume{{Name: "data", VolumeSource: source}}},
	}
}

var (
	byClaim   = v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "p-data"}}
	ephemeral = v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}
	another   = v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "x"}}
)

func TestSync(t *testing.T) {
	for name, c := range map[string]struct {
		objects []runtime.Object
		want    []string
		writes  int
	}{
		"new":                             {[]runtime.Object{newClaim(false)}, []string{ours}, 1},
		"held":                            {[]runtime.Object{newClaim(false, ours)}, []string{ours}, 0},
		"deleted":                         {[]runtime.Object{newClaim(true, ours, "other")}, []string{"other"}, 1},
		"deleted but mounted":             {[]runtime.Object{newClaim(true, ours), newPod("n", byClaim)}, []string{ours}, 0},
		"deleted but an ephemeral volume": {[]runtime.Object{newClaim(true, ours), newPod("n", ephemeral)}, []string{ours}, 0},
		"the pod has no node":             {[]runtime.Object{newClaim(true, ours), newPod("", byClaim)}, []string{}, 1},
		"the pod mounts another":          {[]runtime.Object{newClaim(true, ours), newPod("n", another)}, []string{}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cl := controllertest.New(t, c.objects...)
			g := newGuard(cl.Env)
			cl.Refresh()
			require.NoError(t, g.sync(context.Background(), "a/p-data"))
			require.Len(t, cl.Writes(), c.writes)
			pvc, err := cl.Fake.CoreV1().PersistentVolumeClaims("a").Get(context.Background(), "p-data", metav1.GetOptions{})
			require.NoError(t, err)
			require.ElementsMatch(t, c.want, pvc.Finalizers)
			require.NoError(t, g.sync(context.Background(), "a/gone"))
		})
	}
}

func TestPodNotInTheCache(t *testing.T) {
	cl := controllertest.New(t, newClaim(true, ours))
	g := newGuard(cl.Env)
	cl.Refresh()
	require.NoError(t, cl.Fake.Tracker().Add(newPod("n", byClaim)))
	require.NoError(t, g.sync(context.Background(), "a/p-data"))
	require.Empty(t, cl.Writes())
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newClaim(true, ours), newPod("n", byClaim))
	c.Versions()
	c.Start(New(c.Env))
	require.NoError(t, c.Fake.CoreV1().Pods("a").Delete(ctx, "p", metav1.DeleteOptions{}))
	c.Eventually(func() bool {
		pvc, err := c.Fake.CoreV1().PersistentVolumeClaims("a").Get(ctx, "p-data", metav1.GetOptions{})
		return err == nil && len(pvc.Finalizers) == 0
	}, "free when the pod is gone")
}
