package pvbinder

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/reference"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	// provisioner is the name of our own in a StorageClass.
	provisioner = "kubernetes.io/host-path"
	// annDefaultClass marks the class of claims that name none.
	annDefaultClass = "storageclass.kubernetes.io/is-default-class"
	// retry is how soon it is tried again to make a volume: a class or a node that is missing may come, and nothing here is told.
	retry = 15 * time.Second
)

// defaultClass gives a claim that names no class the default one, if there is any. A class named "" is a name: it asks for none.
func (b *binder) defaultClass(ctx context.Context, pvc *v1.PersistentVolumeClaim) (given bool, err error) {
	if volume.PersistentVolumeClaimHasClass(pvc) {
		return false, nil
	}
	classes, err := b.classes.List(labels.Everything())
	if err != nil {
		return false, fmt.Errorf("list storage classes: %w", err)
	}
	var best *storage.StorageClass
	var since time.Time
	for _, c := range classes {
		at := c.CreationTimestamp.Time
		if c.Annotations[annDefaultClass] == "true" && (best == nil || at.After(since) || (at.Equal(since) && c.Name < best.Name)) {
			best, since = c, at
		}
	}
	if best == nil {
		return false, nil
	}
	is := pvc.DeepCopy()
	is.Spec.StorageClassName = &best.Name
	_, err = b.updateClaim(ctx, is)
	return true, err
}

// provision makes a volume for a claim, or says who has to. What the class or the claim gets wrong is told in an event, and
// tried again later. It returns the claim as it is afterwards, nil if that is not known.
func (b *binder) provision(ctx context.Context, pvc *v1.PersistentVolumeClaim, name string) (*v1.PersistentVolumeClaim, error) {
	failed := func(err error) (*v1.PersistentVolumeClaim, error) {
		b.recorder.Event(pvc, v1.EventTypeWarning, "ProvisioningFailed", err.Error())
		return pvc, controller.Later(retry)
	}
	class, err := b.classes.Get(name)
	if apierrors.IsNotFound(err) {
		return failed(err)
	}
	if err != nil {
		return nil, fmt.Errorf("storage class %s: %w", name, err)
	}
	own := class.Provisioner == provisioner
	if class.Provisioner == volume.NotSupportedProvisioner || (own && b.opts.HostPathDir == "") {
		return failed(fmt.Errorf("no volume plugin matched name: %s", class.Provisioner))
	}
	if pvc, err = b.assign(ctx, pvc, class.Provisioner); err != nil {
		return nil, err
	}
	if !own {
		b.recorder.Eventf(pvc, v1.EventTypeNormal, "ExternalProvisioning",
			"Waiting for a volume to be created either by the external provisioner '%s' or manually by the system administrator. "+
				"If volume creation is delayed, please verify that the provisioner is running and correctly registered.", class.Provisioner)
		return pvc, nil
	}
	pv, err := b.hostPath(pvc, class)
	if apierrors.IsNotFound(err) {
		// The scheduler has to choose another node.
		b.recorder.Event(pvc, v1.EventTypeWarning, "ProvisioningFailed", err.Error())
		again := pvc.DeepCopy()
		delete(again.Annotations, volume.AnnSelectedNode)
		return b.updateClaim(ctx, again)
	}
	if err != nil {
		return failed(err)
	}
	if _, err = b.client.CoreV1().PersistentVolumes().Create(ctx, pv, metav1.CreateOptions{}); err != nil {
		if apierrors.IsAlreadyExists(err) {
			return pvc, nil // made before; the informer will show it
		}
		b.recorder.Event(pvc, v1.EventTypeWarning, "ProvisioningFailed", err.Error())
		return nil, fmt.Errorf("create volume %s: %w", pv.Name, err)
	}
	b.recorder.Eventf(pvc, v1.EventTypeNormal, "ProvisioningSucceeded",
		"Successfully provisioned volume %s using %s", pv.Name, provisioner)
	return pvc, nil
}

// assign writes into a claim which provisioner is to make its volume: that is what external ones look for.
func (b *binder) assign(ctx context.Context, pvc *v1.PersistentVolumeClaim, provisioner string) (*v1.PersistentVolumeClaim, error) {
	if pvc.Annotations[volume.AnnStorageProvisioner] == provisioner &&
		pvc.Annotations[volume.AnnBetaStorageProvisioner] == provisioner {
		return pvc, nil
	}
	is := pvc.DeepCopy()
	metav1.SetMetaDataAnnotation(&is.ObjectMeta, volume.AnnStorageProvisioner, provisioner)
	metav1.SetMetaDataAnnotation(&is.ObjectMeta, volume.AnnBetaStorageProvisioner, provisioner)
	return b.updateClaim(ctx, is)
}

// hostPath is a new volume for a claim: a folder of its own. It is tied to the node that the scheduler has chosen, if it has.
func (b *binder) hostPath(pvc *v1.PersistentVolumeClaim, class *storage.StorageClass) (*v1.PersistentVolume, error) {
	switch {
	case pvc.UID == "":
		return nil, errors.New("the claim has no UID")
	case pvc.Spec.Selector != nil:
		return nil, errors.New("claim.Spec.Selector is not supported for dynamic provisioning")
	case ptr.Deref(pvc.Spec.VolumeMode, v1.PersistentVolumeFilesystem) != v1.PersistentVolumeFilesystem:
		return nil, fmt.Errorf("%s does not support block volume provisioning", provisioner)
	case pvc.Spec.DataSource != nil || pvc.Spec.DataSourceRef != nil:
		return nil, fmt.Errorf("%s does not support data sources", provisioner)
	}
	ref, err := reference.GetReference(scheme.Scheme, pvc)
	if err != nil {
		return nil, fmt.Errorf("reference to claim %s/%s: %w", pvc.Namespace, pvc.Name, err)
	}
	affinity, err := b.affinity(pvc.Annotations[volume.AnnSelectedNode])
	if err != nil {
		return nil, err
	}
	name := "pvc-" + string(pvc.UID)
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{volume.AnnDynamicallyProvisioned: provisioner, volume.AnnBoundByController: "yes"},
		},
		Spec: v1.PersistentVolumeSpec{
			Capacity:                      v1.ResourceList{v1.ResourceStorage: pvc.Spec.Resources.Requests[v1.ResourceStorage]},
			AccessModes:                   pvc.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: ptr.Deref(class.ReclaimPolicy, v1.PersistentVolumeReclaimDelete),
			StorageClassName:              class.Name,
			MountOptions:                  class.MountOptions,
			VolumeMode:                    ptr.To(v1.PersistentVolumeFilesystem),
			ClaimRef:                      ref,
			NodeAffinity:                  affinity,
			PersistentVolumeSource: v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{
				Path: path.Join(b.opts.HostPathDir, name), Type: ptr.To(v1.HostPathDirectoryOrCreate),
			}},
		},
	}, nil
}

// affinity ties a volume to a node; to none if there is no name.
func (b *binder) affinity(node string) (*v1.VolumeNodeAffinity, error) {
	if node == "" {
		return nil, nil // no affinity is an affinity
	}
	n, err := b.nodes.Get(node)
	if err != nil {
		return nil, fmt.Errorf("selected node %s: %w", node, err)
	}
	hostname := n.Labels[v1.LabelHostname]
	if hostname == "" {
		return nil, fmt.Errorf("node %s has no label %s", node, v1.LabelHostname)
	}
	return &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{hostname}}},
	}}}}, nil
}
