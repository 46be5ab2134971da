package volume

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/ephemeral"
)

// ephemeral is the claim that was made for a pod's volume.
func (m *Manager) ephemeral(ctx context.Context, pod *v1.Pod, volume *v1.Volume) (source, error) {
	if m.o.Client == nil {
		return nil, errNoClient
	}
	name := ephemeral.VolumeClaimName(pod, volume)
	claim, err := m.o.Client.CoreV1().PersistentVolumeClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if err := ephemeral.VolumeIsForPod(pod, claim); err != nil {
		return nil, err
	}
	return m.claim(ctx, pod, volume, name, false)
}

// claim is the persistent volume that a claim is bound to, which has to be a place on this node.
func (m *Manager) claim(ctx context.Context, pod *v1.Pod, volume *v1.Volume, name string, readOnly bool) (source, error) {
	if m.o.Client == nil {
		return nil, errNoClient
	}
	claim, err := m.o.Client.CoreV1().PersistentVolumeClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if claim.Status.Phase != v1.ClaimBound || claim.Spec.VolumeName == "" {
		return nil, fmt.Errorf("PVC %s/%s is not bound", claim.Namespace, claim.Name)
	}
	pv, err := m.o.Client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.UID != claim.UID {
		return nil, fmt.Errorf("PV %s is not bound to PVC %s/%s", pv.Name, claim.Namespace, claim.Name)
	}
	if mode := pv.Spec.VolumeMode; mode != nil && *mode == v1.PersistentVolumeBlock {
		return nil, fmt.Errorf("PV %s is a block device, which is not supported on this node", pv.Name)
	}
	h := &hostPath{ro: readOnly}
	switch {
	case pv.Spec.HostPath != nil:
		h.at, h.kind = pv.Spec.HostPath.Path, hostPathType(pv.Spec.HostPath)
	case pv.Spec.Local != nil:
		h.at, h.kind, h.group = pv.Spec.Local.Path, v1.HostPathDirectory, fsGroup(pod)
		h.onlyOnMismatch = changesOnlyOnMismatch(pod)
	default:
		return nil, fmt.Errorf("PV %s is of kind %s, which is not supported on this node", pv.Name, kindOf(pv.Spec.PersistentVolumeSource))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims[claimKey{pod.UID, volume.Name}] = h
	return h, nil
}

// found is a volume that Setup has made.
func (m *Manager) found(pod *v1.Pod, volume *v1.Volume) (source, error) {
	if err := checkName("volume", volume.Name); err != nil {
		return nil, err
	}
	if volume.PersistentVolumeClaim == nil && volume.Ephemeral == nil {
		return m.local(pod, volume)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.claims[claimKey{pod.UID, volume.Name}]; ok {
		return s, nil
	}
	return nil, fmt.Errorf("volume %q was not set up", volume.Name)
}
