package pvbinder

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

const (
	now   = storage.VolumeBindingImmediate
	later = storage.VolumeBindingWaitForFirstConsumer
)

func onNode(name string) func(*v1.PersistentVolumeClaim) {
	return func(pvc *v1.PersistentVolumeClaim) { pvc.Annotations[selectedNode] = name }
}

func TestProvision(t *testing.T) {
	w := newWorld(t, newClass("x", "kubernetes.io/host-path", now), newClaim(ofClass("x")))
	w.Refresh()
	require.NoError(t, w.syncClaim(context.Background(), "a/c"))
	require.Equal(t, []string{"Normal ProvisioningSucceeded Successfully provisioned volume pvc-c using kubernetes.io/host-path"}, w.Events())
	w.settle()
	require.Equal(t, []string{"c Bound pvc-c", "pvc-c Bound c/c"}, w.show())
	pv := w.volume("pvc-c")
	require.Equal(t, "/data/pvc-c", pv.Spec.HostPath.Path)
	require.Equal(t, v1.HostPathDirectoryOrCreate, *pv.Spec.HostPath.Type)
	require.Equal(t, v1.PersistentVolumeReclaimDelete, pv.Spec.PersistentVolumeReclaimPolicy)
	require.Equal(t, "x", pv.Spec.StorageClassName)
	require.Equal(t, "5Gi", ptr.To(pv.Spec.Capacity[v1.ResourceStorage]).String())
	require.Equal(t, "kubernetes.io/host-path", pv.Annotations["pv.kubernetes.io/provisioned-by"])
	require.Nil(t, pv.Spec.NodeAffinity)
	require.Equal(t, "kubernetes.io/host-path", w.claim("c").Annotations["volume.kubernetes.io/storage-provisioner"])
}

func TestProvisionOnTheSelectedNode(t *testing.T) {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{v1.LabelHostname: "host-n"}}}
	w := newWorld(t, newClass("x", "kubernetes.io/host-path", later), newClaim(ofClass("x"), onNode("n")), node)
	w.settle()
	require.Equal(t, []string{"c Bound pvc-c", "pvc-c Bound c/c"}, w.show())
	terms := w.volume("pvc-c").Spec.NodeAffinity.Required.NodeSelectorTerms
	require.Equal(t, []v1.NodeSelectorRequirement{{Key: "kubernetes.io/hostname", Operator: "In", Values: []string{"host-n"}}}, terms[0].MatchExpressions)
}

func TestProvisionOnANodeThatIsGone(t *testing.T) {
	w := newWorld(t, newClass("x", "kubernetes.io/host-path", later), newClaim(ofClass("x"), onNode("n")))
	w.settle()
	require.Equal(t, []string{"c Pending "}, w.show())
	require.NotContains(t, w.claim("c").Annotations, selectedNode, "the scheduler has to choose again")
}

func TestNotProvisioned(t *testing.T) {
	for name, c := range map[string]struct {
		class *storage.StorageClass
		claim *v1.PersistentVolumeClaim
		event string
	}{
		"no such class": {
			newClass("y", "p", now), newClaim(ofClass("x")),
			`Warning ProvisioningFailed storageclass.storage.k8s.io "x" not found`,
		},
		"no provisioner": {
			newClass("x", "kubernetes.io/no-provisioner", now), newClaim(ofClass("x")),
			"Warning ProvisioningFailed no volume plugin matched name: kubernetes.io/no-provisioner",
		},
		"another's": {
			newClass("x", "example.com/disk", now), newClaim(ofClass("x")),
			"Normal ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'example.com/disk' or manually by " +
				"the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
		},
		"a selector": {
			newClass("x", provisioner, now), newClaim(ofClass("x"), func(pvc *v1.PersistentVolumeClaim) { pvc.Spec.Selector = &metav1.LabelSelector{} }),
			"Warning ProvisioningFailed claim.Spec.Selector is not supported for dynamic provisioning",
		},
		"a block device": {
			newClass("x", provisioner, now), newClaim(ofClass("x"), func(pvc *v1.PersistentVolumeClaim) { pvc.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) }),
			"Warning ProvisioningFailed kubernetes.io/host-path does not support block volume provisioning",
		},
		"a copy": {
			newClass("x", provisioner, now), newClaim(ofClass("x"), func(pvc *v1.PersistentVolumeClaim) { pvc.Spec.DataSource = &v1.TypedLocalObjectReference{} }),
			"Warning ProvisioningFailed kubernetes.io/host-path does not support data sources",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.class, c.claim)
			w.settle()
			require.Equal(t, []string{"c Pending "}, w.show())
			require.Equal(t, []string{c.event}, w.Events())
			if strings.Contains(c.event, "ProvisioningFailed") { // nothing tells that a class has come
				require.Equal(t, "again in 15s", w.again)
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		w := newWorld(t, newClass("x", provisioner, now), newClaim(ofClass("x")))
		w.opts.HostPathDir = ""
		w.settle()
		require.Equal(t, []string{"Warning ProvisioningFailed no volume plugin matched name: kubernetes.io/host-path"}, w.Events())
	})
}

func TestExternalProvisionersSeeTheirClaims(t *testing.T) {
	w := newWorld(t, newClass("x", "example.com/disk", now), newClaim(ofClass("x")))
	w.settle()
	require.Equal(t, "example.com/disk", w.claim("c").Annotations["volume.kubernetes.io/storage-provisioner"])
	require.Equal(t, "example.com/disk", w.claim("c").Annotations["volume.beta.kubernetes.io/storage-provisioner"])
}

func TestDefaultClass(t *testing.T) {
	class := func(name string, value string, age time.Duration) *storage.StorageClass {
		return newClass(name, provisioner, now, func(sc *storage.StorageClass) {
			sc.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": value}
			sc.CreationTimestamp = metav1.NewTime(controllertest.Epoch.Add(-age))
		})
	}
	available := func(pv *v1.PersistentVolume) { pv.Status.Phase = v1.VolumeAvailable }
	noClass := func(pvc *v1.PersistentVolumeClaim) { pvc.Spec.StorageClassName = nil }
	for name, c := range map[string]struct {
		objects []runtime.Object
		want    *string
	}{
		"the newest": {
			[]runtime.Object{class("a", "true", time.Hour), class("b", "true", 0), newClaim(noClass)}, ptr.To("b"),
		},
		"none is":                    {[]runtime.Object{class("a", "false", 0), newClaim(noClass)}, nil},
		"a claim that asks for none": {[]runtime.Object{class("a", "true", 0), newClaim()}, ptr.To("")},
		"a volume of no class is there": {
			[]runtime.Object{class("a", "true", 0), newVolume("v", available), newClaim(noClass)}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.objects...)
			w.settle()
			require.Equal(t, c.want, w.claim("c").Spec.StorageClassName)
		})
	}
}
