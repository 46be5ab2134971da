package pvbinder

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"
)

// syncVolume brings a volume's phase up to date and disposes of it when its claim is gone.
func (b *binder) syncVolume(ctx context.Context, name string) error {
	pv, err := b.volumes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("volume %s: %w", name, err)
	}
	if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.UID == "" {
		// Nobody's, or kept by its user for a claim which has not come for it yet.
		_, err = b.setVolumePhase(ctx, pv, v1.VolumeAvailable, "")
		return err
	}
	pvc, err := b.claimOf(ctx, pv)
	if err != nil {
		return err
	}
	switch {
	case pvc == nil:
		return b.release(ctx, pv)
	case pvc.Spec.VolumeName == pv.Name:
		_, err = b.setVolumePhase(ctx, pv, v1.VolumeBound, "")
		return err
	case pvc.Spec.VolumeName == "":
		return nil // the claim's sync does the rest
	case metav1.HasAnnotation(pv.ObjectMeta, volume.AnnDynamicallyProvisioned) &&
		pv.Spec.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimDelete:
		return b.release(ctx, pv) // made for a claim that took another
	}
	return b.unbind(ctx, pv)
}

// claimOf is the claim that has a volume; nil if it is gone. Data may be deleted on the strength of that, so the apiserver has the
// last word.
func (b *binder) claimOf(ctx context.Context, pv *v1.PersistentVolume) (*v1.PersistentVolumeClaim, error) {
	ref := pv.Spec.ClaimRef
	pvc, err := b.claims.PersistentVolumeClaims(ref.Namespace).Get(ref.Name)
	if err == nil && pvc.UID == ref.UID {
		return pvc, nil
	}
	pvc, err = b.client.CoreV1().PersistentVolumeClaims(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && pvc.UID != ref.UID:
		return nil, nil // gone is an answer
	case err != nil:
		return nil, fmt.Errorf("claim %s/%s: %w", ref.Namespace, ref.Name, err)
	}
	return pvc, nil
}

// unbind gives up a volume whose claim has taken another.
func (b *binder) unbind(ctx context.Context, pv *v1.PersistentVolume) error {
	free := pv.DeepCopy()
	if metav1.HasAnnotation(free.ObjectMeta, volume.AnnBoundByController) {
		free.Spec.ClaimRef = nil
		delete(free.Annotations, volume.AnnBoundByController)
	} else {
		free.Spec.ClaimRef.UID = "" // the user wants it kept for a claim of that name
	}
	free, err := b.updateVolume(ctx, free)
	if err != nil {
		return err
	}
	_, err = b.setVolumePhase(ctx, free, v1.VolumeAvailable, "")
	return err
}

// release does with a volume whose claim is gone what its policy says. One that failed at that stays as it is.
func (b *binder) release(ctx context.Context, pv *v1.PersistentVolume) (err error) {
	if pv.Status.Phase != v1.VolumeFailed {
		if pv, err = b.setVolumePhase(ctx, pv, v1.VolumeReleased, ""); err != nil {
			return err
		}
	}
	switch policy := pv.Spec.PersistentVolumeReclaimPolicy; policy {
	case v1.PersistentVolumeReclaimRetain, "":
		return nil
	case v1.PersistentVolumeReclaimRecycle:
		return b.failVolume(ctx, pv, "VolumeFailedRecycle", "No recycler plugin found for the volume!")
	case v1.PersistentVolumeReclaimDelete:
		return b.discard(ctx, pv)
	default:
		return b.failVolume(ctx, pv, "VolumeUnknownReclaimPolicy", "Volume has an unrecognized PersistentVolumeReclaimPolicy")
	}
}

// discard deletes a volume. One that another's provisioner has made is left to it.
func (b *binder) discard(ctx context.Context, pv *v1.PersistentVolume) error {
	if pv.DeletionTimestamp != nil {
		return nil
	}
	by := pv.Annotations[volume.AnnDynamicallyProvisioned]
	switch {
	case pv.Spec.HostPath != nil, pv.Spec.Local != nil:
		if by != "" && by != provisioner {
			return nil
		}
	case pv.Spec.CSI != nil, by != "":
		return nil
	default:
		return b.failVolume(ctx, pv, "VolumeFailedDelete",
			fmt.Sprintf("error getting deleter volume plugin for volume %q: no deletable volume plugin matched", pv.Name))
	}
	err := b.client.CoreV1().PersistentVolumes().Delete(ctx, pv.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pv.UID))})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete volume %s: %w", pv.Name, err)
	}
	return nil
}
