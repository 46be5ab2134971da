package pvbinder

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

func TestBinding(t *testing.T) {
	type objects = []runtime.Object
	modes := func(m ...v1.PersistentVolumeAccessMode) func(*v1.PersistentVolume) {
		return func(pv *v1.PersistentVolume) { pv.Spec.AccessModes = m }
	}
	class := func(name string) func(*v1.PersistentVolume) {
		return func(pv *v1.PersistentVolume) { pv.Spec.StorageClassName = name }
	}
	block := func(pv *v1.PersistentVolume) { pv.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) }
	red := func(pv *v1.PersistentVolume) { pv.Labels = map[string]string{"disk": "red"} }
	selectRed := func(pvc *v1.PersistentVolumeClaim) {
		pvc.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"disk": "red"}}
	}
	noVolume := "Normal FailedBinding no persistent volumes available for this claim and no storage class is set"
	for name, c := range map[string]struct {
		objects objects
		want    []string
		event   string // at rest
	}{
		"no claim":  {objects{newVolume("v")}, []string{"v Available "}, ""},
		"no volume": {objects{newClaim()}, []string{"c Pending "}, noVolume},
		"the smallest that fits": {
			objects{newVolume("v1", size("9Gi")), newVolume("v2", size("6Gi")), newVolume("v3", size("4Gi")), newClaim()},
			[]string{"c Bound v2", "v1 Available ", "v2 Bound c/c", "v3 Available "}, "",
		},
		"too small": {
			objects{newVolume("v", size("4Gi")), newClaim()}, []string{"c Pending ", "v Available "}, noVolume,
		},
		"another access mode": {
			objects{newVolume("v", modes(v1.ReadOnlyMany)), newClaim()}, []string{"c Pending ", "v Available "}, noVolume,
		},
		"more access modes": {
			objects{newVolume("v", modes(v1.ReadOnlyMany, v1.ReadWriteOnce)), newClaim()},
			[]string{"c Bound v", "v Bound c/c"}, "",
		},
		"another volume mode": {
			objects{newVolume("v", block), newClaim()}, []string{"c Pending ", "v Available "}, noVolume,
		},
		"another class": {
			objects{newVolume("v", class("x")), newClaim()}, []string{"c Pending ", "v Available "}, noVolume,
		},
		"its class": {
			objects{newVolume("v", class("x")), newClaim(ofClass("x"))}, []string{"c Bound v", "v Bound c/c"}, "",
		},
		"labels": {
			objects{newVolume("v1"), newVolume("v2", red), newClaim(selectRed)},
			[]string{"c Bound v2", "v1 Available ", "v2 Bound c/c"}, "",
		},
		"the claim names it": {
			objects{newVolume("v1", size("6Gi")), newVolume("v2"), newClaim(forVolume("v2"))},
			[]string{"c Bound v2", "v1 Available ", "v2 Bound c/c"}, "",
		},
		"it names what is absent": {
			objects{newVolume("v1"), newClaim(forVolume("v2"))}, []string{"c Pending v2", "v1 Available "}, "",
		},
		"it names what is too small": {
			objects{newVolume("v", size("1Gi")), newClaim(forVolume("v"))}, []string{"c Pending v", "v Available "},
			`Warning VolumeMismatch Cannot bind to requested volume "v": requested PV is too small`,
		},
		"it names another's": {
			objects{newVolume("v", heldFor("")), newClaim(func(pvc *v1.PersistentVolumeClaim) { pvc.Name = "d" }, forVolume("v"))}, []string{"d Pending v", "v Available c/"},
			`Warning FailedBinding volume "v" already bound to a different claim.`,
		},
		"the volume names it": {
			objects{newVolume("v1", size("6Gi")), newVolume("v2", heldFor("")), newClaim()},
			[]string{"c Bound v2", "v1 Available ", "v2 Bound c/c"}, "",
		},
		"the volume waits for it": {objects{newVolume("v", heldFor(""))}, []string{"v Available c/"}, ""},
		"one of its name had it": {
			objects{newVolume("v", heldFor("old")), newClaim()}, []string{"c Pending ", "v Released c/old"}, noVolume,
		},
		"its class is patient": {
			objects{newClass("x", "p", storage.VolumeBindingWaitForFirstConsumer), newVolume("v", class("x")), newClaim(ofClass("x"))},
			[]string{"c Pending ", "v Available "},
			"Normal WaitForFirstConsumer waiting for first consumer to be created before binding",
		},
		"the scheduler chose": {
			objects{newClass("x", "p", storage.VolumeBindingWaitForFirstConsumer), newVolume("v", class("x"), heldFor("c")), newClaim(ofClass("x"))},
			[]string{"c Bound v", "v Bound c/c"}, "",
		},
		"half of it was written": {
			objects{newVolume("v", heldFor("c"), annotated(boundByController, "yes")), newClaim()},
			[]string{"c Bound v", "v Bound c/c"}, "",
		},
		"its volume is gone": {objects{newClaim(wasBound("v"))}, []string{"c Lost v"}, ""},
		"its volume is another's": {
			objects{newVolume("v", heldFor("d")), newClaim(wasBound("v"))}, []string{"c Lost v", "v Released c/d"}, "",
		},
		"its volume forgot it": {
			objects{newVolume("v"), newClaim(wasBound("v"))}, []string{"c Bound v", "v Bound c/c"}, "",
		},
		"its name was taken from it": {objects{newClaim(wasBound(""))}, []string{"c Lost "}, ""},
		"two volumes for one claim": {
			objects{newVolume("v1", heldFor("c"), annotated(boundByController, "yes")), newVolume("v2", heldFor("c")), newClaim(wasBound("v2"))},
			[]string{"c Bound v2", "v1 Available ", "v2 Bound c/c"}, "",
		},
		"two volumes by the user": {
			objects{newVolume("v1", heldFor("c")), newVolume("v2", heldFor("c")), newClaim(wasBound("v2"))},
			[]string{"c Bound v2", "v1 Available c/", "v2 Bound c/c"}, "",
		},
		"a claim that is on its way out": {
			objects{newVolume("v"), newClaim(func(pvc *v1.PersistentVolumeClaim) { pvc.DeletionTimestamp = &metav1.Time{} })},
			[]string{"c  ", "v Available "}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.objects...)
			w.settle()
			require.Equal(t, c.want, w.show())
			if c.event == "" {
				require.Empty(t, w.Events())
			} else {
				require.Equal(t, []string{c.event}, w.Events())
			}
		})
	}
}

func TestWhatBoundLooksLike(t *testing.T) {
	w := newWorld(t, newVolume("v"), newClaim())
	w.settle()
	pvc, pv := w.claim("c"), w.volume("v")
	require.Equal(t, map[string]string{bindCompleted: "yes", boundByController: "yes"}, pvc.Annotations)
	require.Equal(t, pv.Spec.AccessModes, pvc.Status.AccessModes)
	require.Equal(t, "10Gi", ptr.To(pvc.Status.Capacity[v1.ResourceStorage]).String())
	require.Equal(t, map[string]string{boundByController: "yes"}, pv.Annotations)
	require.Equal(t, "PersistentVolumeClaim", pv.Spec.ClaimRef.Kind)

	w = newWorld(t, newVolume("v"), newClaim(forVolume("v")))
	w.settle()
	require.Equal(t, map[string]string{bindCompleted: "yes"}, w.claim("c").Annotations, "the user has bound the claim")
}

func TestLostIsToldOnce(t *testing.T) {
	w := newWorld(t, newClaim(wasBound("v")))
	w.Refresh()
	require.NoError(t, w.syncClaim(context.Background(), "a/c"))
	require.Equal(t, []string{"Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!"}, w.Events())
	w.Refresh()
	require.NoError(t, w.syncClaim(context.Background(), "a/c"))
	require.Empty(t, w.Events())
}

func TestCachesThatLag(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, newClaim(wasBound("v")))
	w.Refresh()
	require.NoError(t, w.Fake.Tracker().Add(newVolume("v", heldFor("c"))))
	require.NoError(t, w.syncClaim(ctx, "a/c"))
	require.Equal(t, v1.ClaimBound, w.claim("c").Status.Phase, "a volume is not lost because the cache doesn't show it")

	w = newWorld(t, newVolume("v", heldFor("c"), policy(v1.PersistentVolumeReclaimDelete)))
	w.Refresh()
	require.NoError(t, w.Fake.Tracker().Add(newClaim(wasBound("v"))))
	require.NoError(t, w.syncVolume(ctx, "v"))
	require.Equal(t, v1.VolumeBound, w.volume("v").Status.Phase, "nor is it deleted because its claim isn't shown")
}

func TestReclaim(t *testing.T) {
	source := func(s v1.PersistentVolumeSource) func(*v1.PersistentVolume) {
		return func(pv *v1.PersistentVolume) { pv.Spec.PersistentVolumeSource = s }
	}
	csi := source(v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{}})
	nfs := source(v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{}})
	local := source(v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{}})
	del := policy(v1.PersistentVolumeReclaimDelete)
	for name, c := range map[string]struct {
		volume *v1.PersistentVolume
		want   []string
		event  string
	}{
		"retain":              {newVolume("v", heldFor("c")), []string{"v Released c/c"}, ""},
		"delete, a host path": {newVolume("v", heldFor("c"), del), []string{}, ""},
		"delete, local":       {newVolume("v", heldFor("c"), del, local), []string{}, ""},
		"delete, our own": {
			newVolume("v", heldFor("c"), del, annotated(provisionedBy, "kubernetes.io/host-path")), []string{}, "",
		},
		"delete, another's": {
			newVolume("v", heldFor("c"), del, annotated(provisionedBy, "other")), []string{"v Released c/c"}, "",
		},
		"delete, CSI": {newVolume("v", heldFor("c"), del, csi), []string{"v Released c/c"}, ""},
		"delete, NFS": {
			newVolume("v", heldFor("c"), del, nfs), []string{"v Failed c/c"},
			`Warning VolumeFailedDelete error getting deleter volume plugin for volume "v": no deletable volume plugin matched`,
		},
		"recycle": {
			newVolume("v", heldFor("c"), policy(v1.PersistentVolumeReclaimRecycle)), []string{"v Failed c/c"},
			"Warning VolumeFailedRecycle No recycler plugin found for the volume!",
		},
		"nonsense": {
			newVolume("v", heldFor("c"), policy("Burn")), []string{"v Failed c/c"},
			"Warning VolumeUnknownReclaimPolicy Volume has an unrecognized PersistentVolumeReclaimPolicy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.volume, newClaim(wasBound("v")))
			w.settle()
			require.Equal(t, []string{"c Bound v", "v Bound c/c"}, w.show(), "nothing happens to it while it is bound")
			require.NoError(t, w.Fake.CoreV1().PersistentVolumeClaims("a").Delete(context.Background(), "c", metav1.DeleteOptions{}))
			w.Refresh()
			require.NoError(t, w.syncVolume(context.Background(), "v"))
			require.Equal(t, c.want, w.show())
			if c.event == "" {
				require.Empty(t, w.Events())
			} else {
				require.Equal(t, []string{c.event}, w.Events())
			}
			w.settle()
			require.Equal(t, c.want, w.show())
		})
	}
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, newClaim())
	w.Versions()
	w.Start(New(w.Env, Options{}))
	phase := func(want v1.PersistentVolumeClaimPhase) func() bool {
		return func() bool { return w.claim("c").Status.Phase == want }
	}
	w.Eventually(phase(v1.ClaimPending), "nothing fits")
	_, err := w.Fake.CoreV1().PersistentVolumes().Create(ctx, newVolume("v", policy(v1.PersistentVolumeReclaimDelete)), metav1.CreateOptions{})
	require.NoError(t, err)
	w.Eventually(phase(v1.ClaimBound), "bound to a new volume")
	require.NoError(t, w.Fake.CoreV1().PersistentVolumeClaims("a").Delete(ctx, "c", metav1.DeleteOptions{}))
	w.Eventually(func() bool { return len(w.volumesThere()) == 0 }, "the volume goes with its claim")
}
