package deployment

import (
	"context"
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
)

// ensureCurrent finds or makes the ReplicaSet of the template.
func (r *rollout) ensureCurrent(ctx context.Context) error {
	if r.current != nil {
		return r.reviseCurrent(ctx)
	}
	set := r.newSet()
	made, err := r.client.AppsV1().ReplicaSets(set.Namespace).Create(ctx, set, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err):
		return r.nameTaken(ctx, set.Name)
	case apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause):
		return controller.Later(time.Minute) // the Deployment goes with its namespace
	case err != nil:
		msg := fmt.Sprintf("Failed to create new replica set %q: %v", set.Name, err)
		if deadline(r.d) > 0 {
			r.setProgressing(&r.d.Status, v1.ConditionFalse, "ReplicaSetCreateError", msg)
		}
		r.events.Event(r.d, v1.EventTypeWarning, "ReplicaSetCreateError", msg)
		return fmt.Errorf("create replica set %s: %w", set.Name, err)
	}
	r.current = made
	if size(made) > 0 {
		r.events.Eventf(r.d, v1.EventTypeNormal, "ScalingReplicaSet",
			"Scaled up replica set %s from 0 to %d", made.Name, size(made))
	}
	if deadline(r.d) > 0 {
		r.setProgressing(&r.d.Status, v1.ConditionTrue, "NewReplicaSetCreated",
			fmt.Sprintf("Created new replica set %q", made.Name))
	}
	return r.noteRevision(ctx)
}

// newSet is the ReplicaSet of the template. The hash is part of its name, of its selector and of its pods' labels: that keeps
// the pods of different templates apart.
func (r *rollout) newSet() *apps.ReplicaSet {
	d := r.d
	hash := controller.TemplateHash(&d.Spec.Template, d.Status.CollisionCount)
	template, selector := *d.Spec.Template.DeepCopy(), d.Spec.Selector.DeepCopy()
	metav1.SetMetaDataLabel(&template.ObjectMeta, apps.DefaultDeploymentUniqueLabelKey, hash)
	metav1.AddLabelToSelector(selector, apps.DefaultDeploymentUniqueLabelKey, hash)
	meta := template.ObjectMeta.DeepCopy()
	set := &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: d.Name[:min(len(d.Name), validation.DNS1123SubdomainMaxLength-len(hash)-1)] + "-" + hash,
			Labels: meta.Labels, OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, kind)},
		},
		Spec: apps.ReplicaSetSpec{
			Replicas: ptr.To(r.currentSize(0)), MinReadySeconds: d.Spec.MinReadySeconds, Selector: selector, Template: template,
		},
	}
	revise(d, set, r.nextRevision())
	noteSizes(d, set)
	return set
}

// nameTaken finds out whether the ReplicaSet is there already, unseen by the cache, or is that of another template with the
// same hash. In the first case there is nothing to do until the cache shows it; in the second the next sync tries another name.
func (r *rollout) nameTaken(ctx context.Context, name string) error {
	set, err := r.client.AppsV1().ReplicaSets(r.d.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read replica set %s: %w", name, err)
	}
	if metav1.IsControlledBy(set, r.d) && sameTemplate(set, r.d) {
		r.current = set
		return r.noteRevision(ctx)
	}
	r.d.Status.CollisionCount = ptr.To(ptr.Deref(r.d.Status.CollisionCount, 0) + 1)
	return fmt.Errorf("replica set %s is that of another template", name)
}
