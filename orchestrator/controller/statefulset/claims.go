package statefulset

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// podKind is what a claim that goes with its pod calls its owner.
var podKind = v1.SchemeGroupVersion.WithKind("Pod")

func claimName(set *apps.StatefulSet, template *v1.PersistentVolumeClaim, ordinal int) string {
	return fmt.Sprintf("%s-%s-%d", template.Name, set.Name, ordinal)
}

// claimOf is the claim of an ordinal.
func (p *pass) claimOf(template *v1.PersistentVolumeClaim, ordinal int) *v1.PersistentVolumeClaim {
	claim := template.DeepCopy()
	claim.Namespace, claim.Name = p.set.Namespace, claimName(p.set, template, ordinal)
	claim.Labels = maps.Clone(claim.Labels)
	for label, value := range p.set.Spec.Selector.MatchLabels {
		metav1.SetMetaDataLabel(&claim.ObjectMeta, label, value)
	}
	if _, deleted := retention(p.set); deleted == apps.DeletePersistentVolumeClaimRetentionPolicyType {
		claim.OwnerReferences = append(claim.OwnerReferences, *metav1.NewControllerRef(p.set, kind))
	}
	return claim
}

// ensureClaims makes the claims that a pod mounts. One that is about to go must be gone before the pod comes, or the pod would
// lose it.
func (p *pass) ensureClaims(ctx context.Context, pod *v1.Pod, ordinal int) error {
	for i := range p.set.Spec.VolumeClaimTemplates {
		claim := p.claimOf(&p.set.Spec.VolumeClaimTemplates[i], ordinal)
		there, err := p.claims.PersistentVolumeClaims(claim.Namespace).Get(claim.Name)
		switch {
		case err == nil && there.DeletionTimestamp != nil:
			return fmt.Errorf("claim %s of pod %s is being deleted", claim.Name, pod.Name)
		case err == nil && slices.ContainsFunc(there.OwnerReferences, func(ref metav1.OwnerReference) bool {
			return ref.Kind == podKind.Kind && ref.Name == pod.Name && ref.UID != pod.UID
		}):
			return fmt.Errorf("claim %s goes with the pod %s that was before", claim.Name, pod.Name)
		case err == nil:
			continue
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("get claim %s: %w", claim.Name, err)
		}
		_, err = p.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Create(ctx, claim, metav1.CreateOptions{})
		switch {
		case apierrors.IsAlreadyExists(err): // the cache has not shown it yet
		case err != nil:
			p.events.Eventf(p.set, v1.EventTypeWarning, "FailedCreate",
				"create Claim %s for Pod %s in StatefulSet %s failed error: %s", claim.Name, pod.Name, p.set.Name, err)
			return fmt.Errorf("create claim %s: %w", claim.Name, err)
		default:
			p.events.Eventf(p.set, v1.EventTypeNormal, "SuccessfulCreate",
				"create Claim %s Pod %s in StatefulSet %s success", claim.Name, pod.Name, p.set.Name)
		}
	}
	return nil
}

// retention is what becomes of claims when a pod is too many, and when the set is deleted.
func retention(set *apps.StatefulSet) (scaled, deleted apps.PersistentVolumeClaimRetentionPolicyType) {
	if p := set.Spec.PersistentVolumeClaimRetentionPolicy; p != nil {
		return p.WhenScaled, p.WhenDeleted
	}
	return apps.RetainPersistentVolumeClaimRetentionPolicyType, apps.RetainPersistentVolumeClaimRetentionPolicyType
}

// ownClaims makes a pod's claims go with whom they shall go: with the pod if it is one too many, with the set, or with nobody.
// The garbage collector does the rest.
func (p *pass) ownClaims(ctx context.Context, pod *v1.Pod, ordinal int, excess bool) error {
	scaled, deleted := retention(p.set)
	byPod := excess && scaled == apps.DeletePersistentVolumeClaimRetentionPolicyType
	bySet := !byPod && deleted == apps.DeletePersistentVolumeClaimRetentionPolicyType
	for i := range p.set.Spec.VolumeClaimTemplates {
		name := claimName(p.set, &p.set.Spec.VolumeClaimTemplates[i], ordinal)
		there, err := p.claims.PersistentVolumeClaims(p.set.Namespace).Get(name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("get claim %s: %w", name, err)
		}
		if ref := metav1.GetControllerOf(there); ref != nil && ref.UID != p.set.UID && ref.UID != pod.UID {
			continue // somebody else's to decide
		}
		if owns(there, p.set.UID) == bySet && owns(there, pod.UID) == byPod {
			continue
		}
		claim := there.DeepCopy()
		claim.OwnerReferences = slices.DeleteFunc(claim.OwnerReferences, func(ref metav1.OwnerReference) bool {
			return ref.UID == p.set.UID || ref.UID == pod.UID
		})
		switch {
		case byPod:
			claim.OwnerReferences = append(claim.OwnerReferences, *metav1.NewControllerRef(pod, podKind))
		case bySet:
			claim.OwnerReferences = append(claim.OwnerReferences, *metav1.NewControllerRef(p.set, kind))
		}
		if _, err := p.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Update(ctx, claim, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("change owners of claim %s: %w", name, err)
		}
	}
	return nil
}

func owns(claim *v1.PersistentVolumeClaim, uid types.UID) bool {
	return slices.ContainsFunc(claim.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == uid })
}
