package pvbinder

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/storage/volume"

	"github.com/petcd/petcd/orchestrator/controller"
)

// syncClaim looks for a volume for a claim that has none, and whether the volume of one that has is still there.
func (b *binder) syncClaim(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	pvc, err := b.claims.PersistentVolumeClaims(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", key, err)
	}
	switch {
	case metav1.HasAnnotation(pvc.ObjectMeta, volume.AnnBindCompleted):
		return b.bound(ctx, pvc)
	case pvc.Spec.VolumeName != "":
		return b.named(ctx, pvc)
	case pvc.DeletionTimestamp != nil:
		return nil
	}
	return b.unbound(ctx, pvc)
}

// unbound finds a volume, or sees to it that one is made.
func (b *binder) unbound(ctx context.Context, pvc *v1.PersistentVolumeClaim) error {
	delayed, err := volume.IsDelayBindingMode(pvc, b.classes)
	if err != nil {
		return fmt.Errorf("class of claim %s/%s: %w", pvc.Namespace, pvc.Name, err)
	}
	pv, err := b.match(pvc, delayed)
	if err != nil {
		return err
	}
	if pv != nil {
		return b.bind(ctx, pv, pvc)
	}
	if given, err := b.defaultClass(ctx, pvc); given || err != nil {
		return err // the next sync looks for a volume of that class
	}
	var later error
	class := volume.GetPersistentVolumeClaimClass(pvc)
	switch {
	case delayed && !volume.IsDelayBindingProvisioning(pvc):
		b.recorder.Event(pvc, v1.EventTypeNormal, "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
	case class != "":
		if pvc, later = b.provision(ctx, pvc, class); pvc == nil {
			return later
		}
	default:
		b.recorder.Event(pvc, v1.EventTypeNormal, "FailedBinding",
			"no persistent volumes available for this claim and no storage class is set")
	}
	if err := b.setClaimPhase(ctx, pvc, v1.ClaimPending, nil); err != nil {
		return err
	}
	return later
}

// match returns the volume that fits a claim best; nil if none does. If the choice is the scheduler's, only one that names the
// claim fits.
func (b *binder) match(pvc *v1.PersistentVolumeClaim, delayed bool) (*v1.PersistentVolume, error) {
	all, err := b.volumes.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	fit := make([]*v1.PersistentVolume, 0, len(all))
	for _, pv := range all {
		if volume.CheckAccessModes(pvc, pv) {
			fit = append(fit, pv)
		}
	}
	pv, err := volume.FindMatchingVolume(pvc, fit, nil, nil, delayed, true)
	if err != nil {
		return nil, fmt.Errorf("find a volume for claim %s/%s: %w", pvc.Namespace, pvc.Name, err)
	}
	return pv, nil
}

// named binds a claim to the volume that its user has chosen.
func (b *binder) named(ctx context.Context, pvc *v1.PersistentVolumeClaim) error {
	pv, err := b.volumes.Get(pvc.Spec.VolumeName)
	if apierrors.IsNotFound(err) {
		return b.setClaimPhase(ctx, pvc, v1.ClaimPending, nil)
	}
	if err != nil {
		return fmt.Errorf("volume %s: %w", pvc.Spec.VolumeName, err)
	}
	switch {
	case pv.Spec.ClaimRef == nil:
		if misfit := fits(pv, pvc); misfit != nil {
			b.recorder.Eventf(pvc, v1.EventTypeWarning, "VolumeMismatch", "Cannot bind to requested volume %q: %v", pv.Name, misfit)
			return b.setClaimPhase(ctx, pvc, v1.ClaimPending, nil)
		}
		return b.bind(ctx, pv, pvc)
	case volume.IsVolumeBoundToClaim(pv, pvc):
		return b.bind(ctx, pv, pvc)
	}
	b.recorder.Eventf(pvc, v1.EventTypeWarning, "FailedBinding", "volume %q already bound to a different claim.", pv.Name)
	return b.setClaimPhase(ctx, pvc, v1.ClaimPending, nil)
}

// fits returns why a volume cannot be a claim's.
func fits(pv *v1.PersistentVolume, pvc *v1.PersistentVolumeClaim) error {
	requested, has := pvc.Spec.Resources.Requests[v1.ResourceStorage], pv.Spec.Capacity[v1.ResourceStorage]
	switch {
	case pv.DeletionTimestamp != nil:
		return fmt.Errorf("the volume is marked for deletion %q", pv.Name)
	case has.Cmp(requested) < 0:
		return errors.New("requested PV is too small")
	case volume.GetPersistentVolumeClass(pv) != volume.GetPersistentVolumeClaimClass(pvc):
		return errors.New("storageClassName does not match")
	case volume.CheckVolumeModeMismatches(&pvc.Spec, &pv.Spec):
		return errors.New("incompatible volumeMode")
	case !volume.CheckAccessModes(pvc, pv):
		return errors.New("incompatible accessMode")
	}
	return nil
}

// bound checks that the volume of a claim which was once bound is still there, and still its own.
func (b *binder) bound(ctx context.Context, pvc *v1.PersistentVolumeClaim) error {
	if pvc.Spec.VolumeName == "" {
		return b.lost(ctx, pvc, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")
	}
	pv, err := b.volumes.Get(pvc.Spec.VolumeName)
	if apierrors.IsNotFound(err) {
		// The cache may not show a new volume yet: that is no reason to call a claim Lost.
		pv, err = b.client.CoreV1().PersistentVolumes().Get(ctx, pvc.Spec.VolumeName, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return b.lost(ctx, pvc, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
	}
	if err != nil {
		return fmt.Errorf("volume %s: %w", pvc.Spec.VolumeName, err)
	}
	if ref := pv.Spec.ClaimRef; ref != nil && ref.UID != pvc.UID && !volume.IsVolumeBoundToClaim(pv, pvc) {
		return b.lost(ctx, pvc, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")
	}
	return b.bind(ctx, pv, pvc)
}

func (b *binder) lost(ctx context.Context, pvc *v1.PersistentVolumeClaim, reason, message string) error {
	if pvc.Status.Phase == v1.ClaimLost {
		return nil
	}
	if err := b.setClaimPhase(ctx, pvc, v1.ClaimLost, nil); err != nil {
		return err
	}
	b.recorder.Event(pvc, v1.EventTypeWarning, reason, message)
	return nil
}
