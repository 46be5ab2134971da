package pvprotection

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newVolume(deleted bool, phase v1.PersistentVolumePhase, finalizers ...string) *v1.PersistentVolume {
	pv := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v", Finalizers: finalizers}, Status: v1.PersistentVolumeStatus{Phase: phase}}
	if deleted {
		pv.DeletionTimestamp = &metav1.Time{Time: controllertest.Epoch}
	}
	return pv
}

func TestSync(t *testing.T) {
	const ours = "kubernetes.io/pv-protection"
	for name, c := range map[string]struct {
		volume *v1.PersistentVolume
		want   []string
		writes int
	}{
		"new":                     {newVolume(false, v1.VolumeAvailable, "other"), []string{"other", ours}, 1},
		"held":                    {newVolume(false, v1.VolumeBound, ours), []string{ours}, 0},
		"deleted but bound":       {newVolume(true, v1.VolumeBound, ours), []string{ours}, 0},
		"deleted":                 {newVolume(true, v1.VolumeReleased, ours, "other"), []string{"other"}, 1},
		"deleted, and never held": {newVolume(true, v1.VolumeBound, "other"), []string{"other"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cl := controllertest.New(t, c.volume)
			g := newGuard(cl.Env)
			cl.Refresh()
			require.NoError(t, g.sync(context.Background(), "v"))
			require.Len(t, cl.Writes(), c.writes)
			pv, err := cl.Fake.CoreV1().PersistentVolumes().Get(context.Background(), "v", metav1.GetOptions{})
			require.NoError(t, err)
			require.Equal(t, c.want, pv.Finalizers)
			require.NoError(t, g.sync(context.Background(), "gone"))
		})
	}
}

func TestRun(t *testing.T) {
	c := controllertest.New(t, newVolume(false, v1.VolumeAvailable))
	c.Versions()
	c.Start(New(c.Env))
	c.Eventually(func() bool {
		pv, err := c.Fake.CoreV1().PersistentVolumes().Get(context.Background(), "v", metav1.GetOptions{})
		return err == nil && len(pv.Finalizers) == 1
	}, "held")
}
