package pvbinder

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

const (
	bindCompleted     = "pv.kubernetes.io/bind-completed"
	boundByController = "pv.kubernetes.io/bound-by-controller"
	provisionedBy     = "pv.kubernetes.io/provisioned-by"
	selectedNode      = "volume.kubernetes.io/selected-node"
)

// newVolume is of 10Gi, "Filesystem", ReadWriteOnce, of no class, to be retained.
func newVolume(name string, change ...func(*v1.PersistentVolume)) *v1.PersistentVolume {
	pv := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Annotations: map[string]string{}},
		Spec: v1.PersistentVolumeSpec{
			Capacity:                      v1.ResourceList{v1.ResourceStorage: resource.MustParse("10Gi")},
			AccessModes:                   []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/tmp/x"}},
		},
	}
	for _, f := range change {
		f(pv)
	}
	return pv
}

func size(q string) func(*v1.PersistentVolume) {
	return func(pv *v1.PersistentVolume) { pv.Spec.Capacity[v1.ResourceStorage] = resource.MustParse(q) }
}

func heldFor(uid string) func(*v1.PersistentVolume) {
	return func(pv *v1.PersistentVolume) {
		pv.Spec.ClaimRef = &v1.ObjectReference{Namespace: "a", Name: "c", UID: types.UID(uid)}
	}
}

func policy(p v1.PersistentVolumeReclaimPolicy) func(*v1.PersistentVolume) {
	return func(pv *v1.PersistentVolume) { pv.Spec.PersistentVolumeReclaimPolicy = p }
}

func annotated(key, value string) func(*v1.PersistentVolume) {
	return func(pv *v1.PersistentVolume) { pv.Annotations[key] = value }
}

// newClaim asks for 5Gi of no class.
func newClaim(change ...func(*v1.PersistentVolumeClaim)) *v1.PersistentVolumeClaim {
	pvc := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "c", UID: "c", Annotations: map[string]string{}},
		Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, StorageClassName: ptr.To(""),
			Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("5Gi")}},
		},
	}
	for _, f := range change {
		f(pvc)
	}
	return pvc
}

func ofClass(name string) func(*v1.PersistentVolumeClaim) {
	return func(pvc *v1.PersistentVolumeClaim) { pvc.Spec.StorageClassName = &name }
}

func forVolume(name string) func(*v1.PersistentVolumeClaim) {
	return func(pvc *v1.PersistentVolumeClaim) { pvc.Spec.VolumeName = name }
}

// wasBound makes a claim that was bound to a volume.
func wasBound(volume string) func(*v1.PersistentVolumeClaim) {
	return func(pvc *v1.PersistentVolumeClaim) {
		pvc.Spec.VolumeName, pvc.Status.Phase = volume, v1.ClaimBound
		pvc.Annotations[bindCompleted] = "yes"
	}
}

func newClass(name, provisioner string, mode storage.VolumeBindingMode, change ...func(*storage.StorageClass)) *storage.StorageClass {
	sc := &storage.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: &mode}
	for _, f := range change {
		f(sc)
	}
	return sc
}

// world syncs by hand.
type world struct {
	*controllertest.Cluster
	*binder
	t *testing.T

	again string // what the claims' syncs asked for in the last round
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	c := controllertest.New(t, objects...)
	return &world{Cluster: c, binder: newBinder(c.Env, Options{HostPathDir: "/data"}), t: t}
}

// settle syncs everything until nothing more is written.
func (w *world) settle() {
	w.t.Helper()
	ctx := context.Background()
	for range 10 {
		w.Refresh()
		w.Writes()
		w.Events()
		w.again = ""
		for _, pvc := range w.claimsThere() {
			if err := w.syncClaim(ctx, pvc.Namespace+"/"+pvc.Name); err != nil {
				require.ErrorContains(w.t, err, "again in ")
				w.again = err.Error()
			}
		}
		w.Refresh()
		for _, pv := range w.volumesThere() {
			require.NoError(w.t, w.syncVolume(ctx, pv.Name))
		}
		if len(w.Writes()) == 0 {
			return
		}
	}
	require.Fail(w.t, "it does not come to rest")
}

func (w *world) claimsThere() []v1.PersistentVolumeClaim {
	w.t.Helper()
	l, err := w.Fake.CoreV1().PersistentVolumeClaims("").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	return l.Items
}

func (w *world) volumesThere() []v1.PersistentVolume {
	w.t.Helper()
	l, err := w.Fake.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	return l.Items
}

// show writes who has whom: "claim Phase volume", "volume Phase claim/uid".
func (w *world) show() []string {
	w.t.Helper()
	shown := []string{}
	for _, pvc := range w.claimsThere() {
		shown = append(shown, fmt.Sprintf("%s %s %s", pvc.Name, pvc.Status.Phase, pvc.Spec.VolumeName))
	}
	for _, pv := range w.volumesThere() {
		ref := ""
		if c := pv.Spec.ClaimRef; c != nil {
			ref = fmt.Sprintf("%s/%s", c.Name, c.UID)
		}
		shown = append(shown, fmt.Sprintf("%s %s %s", pv.Name, pv.Status.Phase, ref))
	}
	slices.Sort(shown)
	return shown
}

func (w *world) claim(name string) *v1.PersistentVolumeClaim {
	w.t.Helper()
	pvc, err := w.Fake.CoreV1().PersistentVolumeClaims("a").Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return pvc
}

func (w *world) volume(name string) *v1.PersistentVolume {
	w.t.Helper()
	pv, err := w.Fake.CoreV1().PersistentVolumes().Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return pv
}
