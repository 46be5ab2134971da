package pvbinder

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"
)

// bind makes a volume and a claim point at each other and says so in their status. It does what is still to do of that.
func (b *binder) bind(ctx context.Context, pv *v1.PersistentVolume, pvc *v1.PersistentVolumeClaim) error {
	taken, changed, err := volume.GetBindVolumeToClaim(pv, pvc)
	if err != nil {
		return fmt.Errorf("bind volume %s: %w", pv.Name, err)
	}
	if changed {
		if pv, err = b.updateVolume(ctx, taken); err != nil {
			return err
		}
	}
	if pv, err = b.setVolumePhase(ctx, pv, v1.VolumeBound, ""); err != nil {
		return err
	}
	given := pvc.DeepCopy()
	if given.Spec.VolumeName == "" {
		given.Spec.VolumeName = pv.Name
		metav1.SetMetaDataAnnotation(&given.ObjectMeta, volume.AnnBoundByController, "yes")
	}
	if !metav1.HasAnnotation(given.ObjectMeta, volume.AnnBindCompleted) {
		metav1.SetMetaDataAnnotation(&given.ObjectMeta, volume.AnnBindCompleted, "yes")
		if pvc, err = b.updateClaim(ctx, given); err != nil {
			return err
		}
	}
	return b.setClaimPhase(ctx, pvc, v1.ClaimBound, pv)
}

func (b *binder) updateVolume(ctx context.Context, pv *v1.PersistentVolume) (*v1.PersistentVolume, error) {
	is, err := b.client.CoreV1().PersistentVolumes().Update(ctx, pv, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("update volume %s: %w", pv.Name, err)
	}
	return is, nil
}

func (b *binder) updateClaim(ctx context.Context, pvc *v1.PersistentVolumeClaim) (*v1.PersistentVolumeClaim, error) {
	is, err := b.client.CoreV1().PersistentVolumeClaims(pvc.Namespace).Update(ctx, pvc, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("update claim %s/%s: %w", pvc.Namespace, pvc.Name, err)
	}
	return is, nil
}

// setVolumePhase writes a volume's phase, if it is another.
func (b *binder) setVolumePhase(ctx context.Context, pv *v1.PersistentVolume, phase v1.PersistentVolumePhase, message string,
) (*v1.PersistentVolume, error) {
	if pv.Status.Phase == phase {
		return pv, nil
	}
	is := pv.DeepCopy()
	is.Status.Phase, is.Status.Message = phase, message
	is, err := b.client.CoreV1().PersistentVolumes().UpdateStatus(ctx, is, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("set the phase of volume %s to %s: %w", pv.Name, phase, err)
	}
	return is, nil
}

// failVolume says in a volume's status and in an event what went wrong.
func (b *binder) failVolume(ctx context.Context, pv *v1.PersistentVolume, reason, message string) error {
	if pv.Status.Phase == v1.VolumeFailed {
		return nil
	}
	if _, err := b.setVolumePhase(ctx, pv, v1.VolumeFailed, message); err != nil {
		return err
	}
	b.recorder.Event(pv, v1.EventTypeWarning, reason, message)
	return nil
}

// setClaimPhase writes a claim's phase and, from the volume that it has, its access modes and capacity. The capacity of one that is
// bound already is left: it may be growing. Nothing is sent if nothing is new.
func (b *binder) setClaimPhase(ctx context.Context, pvc *v1.PersistentVolumeClaim, phase v1.PersistentVolumeClaimPhase,
	pv *v1.PersistentVolume,
) error {
	is := pvc.DeepCopy()
	is.Status.Phase = phase
	if pv == nil {
		is.Status.AccessModes, is.Status.Capacity = nil, nil
	} else {
		is.Status.AccessModes = pv.Spec.AccessModes
		if capacity, ok := pv.Spec.Capacity[v1.ResourceStorage]; ok && pvc.Status.Phase != v1.ClaimBound {
			if is.Status.Capacity == nil {
				is.Status.Capacity = v1.ResourceList{}
			}
			is.Status.Capacity[v1.ResourceStorage] = capacity
		}
	}
	if equality.Semantic.DeepEqual(pvc.Status, is.Status) {
		return nil
	}
	if _, err := b.client.CoreV1().PersistentVolumeClaims(pvc.Namespace).UpdateStatus(ctx, is, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("set the phase of claim %s/%s to %s: %w", pvc.Namespace, pvc.Name, phase, err)
	}
	return nil
}
