package registry

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storageerrors "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Namespaces is the store of namespaces. Deleting one makes it Terminating; it goes when the namespace controller has emptied it
// and took its finalizer off. They can't be deleted many at a time: that would not ask what keeps each.
type Namespaces struct{ store *Store }

// NewNamespaces returns the namespaces of a store.
func NewNamespaces(s *Store) *Namespaces { return &Namespaces{s} }

// mayEndNamespace tells that nothing is in a namespace any more.
func mayEndNamespace(obj runtime.Object) bool {
	ns, ok := obj.(*corev1.Namespace)
	return ok && len(ns.Spec.Finalizers) == 0
}

// New implements rest.Storage.
func (n *Namespaces) New() runtime.Object { return n.store.New() }

// NewList implements rest.Lister.
func (n *Namespaces) NewList() runtime.Object { return n.store.NewList() }

// Destroy implements rest.Storage.
func (n *Namespaces) Destroy() { n.store.Destroy() }

// NamespaceScoped implements rest.Scoper.
func (n *Namespaces) NamespaceScoped() bool { return n.store.NamespaceScoped() }

// GetSingularName implements rest.SingularNameProvider.
func (n *Namespaces) GetSingularName() string { return n.store.GetSingularName() }

// ShortNames implements rest.ShortNamesProvider.
func (n *Namespaces) ShortNames() []string { return n.store.ShortNames() }

// StorageVersion implements rest.StorageVersionProvider.
func (n *Namespaces) StorageVersion() runtime.GroupVersioner { return n.store.StorageVersion() }

// GetResetFields implements rest.ResetFieldsStrategy.
func (n *Namespaces) GetResetFields() map[fieldpath.APIVersion]*fieldSet {
	return n.store.GetResetFields()
}

// Get implements rest.Getter.
func (n *Namespaces) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	return n.store.Get(ctx, name, o)
}

// List implements rest.Lister.
func (n *Namespaces) List(ctx context.Context, o *metainternalversion.ListOptions) (runtime.Object, error) {
	return n.store.List(ctx, o)
}

// Watch implements rest.Watcher.
func (n *Namespaces) Watch(ctx context.Context, o *metainternalversion.ListOptions) (watch.Interface, error) {
	return n.store.Watch(ctx, o)
}

// Create implements rest.Creater.
func (n *Namespaces) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	return n.store.Create(ctx, obj, validate, o)
}

// Update implements rest.Updater.
func (n *Namespaces) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, mayCreate bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return n.store.Update(ctx, name, info, create, update, mayCreate, o)
}

// ConvertToTable implements rest.TableConvertor.
func (n *Namespaces) ConvertToTable(ctx context.Context, obj, o runtime.Object) (*metav1.Table, error) {
	return n.store.ConvertToTable(ctx, obj, o)
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
	return n.store.Delete(ctx, name, validate, o)
}

// terminate begins the end of a namespace in the store. It is no update: those can't set when an object is deleted.
func (n *Namespaces) terminate(ctx context.Context, name string, validate rest.ValidateObjectFunc, o *metav1.DeleteOptions) (runtime.Object, error) {
	key, err := n.store.KeyFunc(ctx, name)
	if err != nil {
		return nil, err
	}
	conditions := storage.Preconditions{UID: o.Preconditions.UID, ResourceVersion: o.Preconditions.ResourceVersion}
	out := n.store.NewFunc()
	err = n.store.Storage.GuaranteedUpdate(ctx, key, out, false, &conditions, storage.SimpleUpdate(func(old runtime.Object) (runtime.Object, error) {
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
func NewFinalize(n *Namespaces) *Status { return n.store.with(&finalizeStrategy{n.store.strategy()}) }

// finalizeStrategy lets only finalizers change.
type finalizeStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *finalizeStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	obj.(*corev1.Namespace).Status = old.(*corev1.Namespace).Status
}
