package registry

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storageerrors "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// Namespaces is the store of namespaces. Deleting one makes it Terminating; it goes when the namespace controller has emptied it
// and took its finalizer off.
type Namespaces struct{ *Store }

// NewNamespaces returns the namespaces of a store.
func NewNamespaces(s *Store) *Namespaces {
	s.ShouldDeleteDuringUpdate = func(ctx context.Context, key string, obj, existing runtime.Object) bool {
		ns, ok := obj.(*corev1.Namespace)
		return ok && len(ns.Spec.Finalizers) == 0 && genericregistry.ShouldDeleteDuringUpdate(ctx, key, obj, existing)
	}
	return &Namespaces{s}
}

// Delete implements rest.GracefulDeleter.
func (n *Namespaces) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, o *metav1.DeleteOptions) (runtime.Object, bool, error) {
	obj, err := n.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	ns := obj.(*corev1.Namespace)
	if o == nil {
		o = &metav1.DeleteOptions{}
	}
	if o.Preconditions == nil {
		o.Preconditions = &metav1.Preconditions{}
	}
	if o.Preconditions.UID == nil {
		o.Preconditions.UID = &ns.UID
	} else if *o.Preconditions.UID != ns.UID {
		return nil, false, apierrors.NewConflict(corev1.Resource("namespaces"), name,
			fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", *o.Preconditions.UID, ns.UID))
	}
	if ns.DeletionTimestamp.IsZero() || (o.PropagationPolicy != nil && *o.PropagationPolicy == metav1.DeletePropagationOrphan && !slices.Contains(ns.Finalizers, metav1.FinalizerOrphanDependents)) {
		obj, err := n.terminate(ctx, name, validate, o)
		return obj, false, err
	}
	if len(ns.Spec.Finalizers) != 0 {
		return ns, false, nil // the controller is at it
	}
	return n.Store.Delete(ctx, name, validate, o)
}

// terminate begins the end of a namespace in the store. It is no update: those can't set when an object is deleted.
func (n *Namespaces) terminate(ctx context.Context, name string, validate rest.ValidateObjectFunc, o *metav1.DeleteOptions) (runtime.Object, error) {
	key, err := n.KeyFunc(ctx, name)
	if err != nil {
		return nil, err
	}
	conditions := storage.Preconditions{UID: o.Preconditions.UID, ResourceVersion: o.Preconditions.ResourceVersion}
	out := n.NewFunc()
	err = n.Storage.GuaranteedUpdate(ctx, key, out, false, &conditions, storage.SimpleUpdate(func(old runtime.Object) (runtime.Object, error) {
		ns, ok := old.(*corev1.Namespace)
		if !ok {
			return nil, fmt.Errorf("expected a Namespace, got %T", old)
		}
		if validate != nil {
			if err := validate(ctx, ns); err != nil {
				return nil, err
			}
		}
		return terminated(ns, o), nil
	}), dryrun.IsDryRun(o.DryRun), nil)
	if err == nil {
		return out, nil
	}
	err = storageerrors.InterpretGetError(err, corev1.Resource("namespaces"), name)
	err = storageerrors.InterpretUpdateError(err, corev1.Resource("namespaces"), name)
	return nil, err
}

// terminated is a namespace whose end has begun.
func terminated(old *corev1.Namespace, o *metav1.DeleteOptions) *corev1.Namespace {
	ns := old.DeepCopy()
	if ns.DeletionTimestamp.IsZero() {
		ns.DeletionTimestamp = new(metav1.Now())
	}
	ns.Status.Phase = corev1.NamespaceTerminating
	orphan := o.PropagationPolicy != nil && *o.PropagationPolicy == metav1.DeletePropagationOrphan
	if orphan && !slices.Contains(ns.Finalizers, metav1.FinalizerOrphanDependents) {
		ns.Finalizers = append(ns.Finalizers, metav1.FinalizerOrphanDependents)
	}
	return ns
}

// NewFinalize returns the subresource by which finalizers of a namespace are changed.
func NewFinalize(n *Namespaces) *Status {
	finalize := *n.Store.Store
	s := &finalizeStrategy{finalize.UpdateStrategy.(*strategy)}
	finalize.UpdateStrategy, finalize.ResetFieldsStrategy = s, s
	return &Status{&finalize}
}

// finalizeStrategy lets only finalizers change.
type finalizeStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *finalizeStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	obj.(*corev1.Namespace).Status = old.(*corev1.Namespace).Status
}
