package registry

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Binding gives a pod its node. That happens once: of two schedulers that bind a pod, one is refused.
type Binding struct{ pods *Status }

// NewBinding returns the binding subresource of pods.
func NewBinding(pods *Store) *Binding { return &Binding{pods.with(bindingStrategy{pods.strategy()})} }

// New implements rest.Storage.
func (b *Binding) New() runtime.Object { return &corev1.Binding{} }

// Destroy implements rest.Storage.
func (b *Binding) Destroy() {}

// Create implements rest.NamedCreater.
func (b *Binding) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	binding, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %T", obj))
	}
	if name != binding.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	target := field.NewPath("target")
	if kind := binding.Target.Kind; kind != "" && kind != "Node" {
		return nil, invalidBinding(name, field.NotSupported(target.Child("kind"), kind, []string{"Node", "<empty>"}))
	}
	if binding.Target.Name == "" {
		return nil, invalidBinding(name, field.Required(target.Child("name"), ""))
	}
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	_, _, err := b.pods.Update(ctx, name, rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		return bound(old.(*corev1.Pod), binding)
	}), rest.ValidateAllObjectFunc, func(context.Context, runtime.Object, runtime.Object) error { return nil }, false, &metav1.UpdateOptions{DryRun: o.DryRun})
	if err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

func invalidBinding(name string, err *field.Error) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Binding").GroupKind(), name, field.ErrorList{err})
}

// bound is the pod on its node.
func bound(old *corev1.Pod, b *corev1.Binding) (*corev1.Pod, error) {
	conflict := func(why string) error {
		return apierrors.NewConflict(corev1.Resource("pods/binding"), old.Name, fmt.Errorf("%s", why))
	}
	switch {
	case b.UID != "" && b.UID != old.UID:
		return nil, conflict(fmt.Sprintf("Precondition failed: UID in precondition: %v, UID in object meta: %v", b.UID, old.UID))
	case b.ResourceVersion != "" && b.ResourceVersion != old.ResourceVersion:
		return nil, conflict(fmt.Sprintf("Precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", b.ResourceVersion, old.ResourceVersion))
	case old.DeletionTimestamp != nil:
		return nil, conflict(fmt.Sprintf("pod %s is being deleted, cannot be assigned to a host", old.Name))
	case old.Spec.NodeName != "":
		return nil, conflict(fmt.Sprintf("pod %v is already assigned to node %q", old.Name, old.Spec.NodeName))
	case len(old.Spec.SchedulingGates) > 0:
		return nil, conflict(fmt.Sprintf("pod %v has non-empty .spec.schedulingGates", old.Name))
	}
	pod := old.DeepCopy()
	pod.Spec.NodeName = b.Target.Name
	if len(b.Annotations) > 0 && pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	maps.Copy(pod.Annotations, b.Annotations)
	pod.Status.Conditions = append(without(pod.Status.Conditions, corev1.PodScheduled),
		corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
	return pod, nil
}

// bindingStrategy lets an update set what no user may: the node, and with it the condition that says so.
type bindingStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s bindingStrategy) PrepareForUpdate(context.Context, runtime.Object, runtime.Object) {}

// ValidateUpdate implements rest.RESTUpdateStrategy: bound has made the object.
func (s bindingStrategy) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}

// Bindings is Binding by its old path, where the binding's own name says which pod it is for.
type Bindings struct{ *Binding }

// NewBindings returns the resource of bindings.
func NewBindings(b *Binding) *Bindings { return &Bindings{b} }

// NamespaceScoped implements rest.Scoper.
func (b *Bindings) NamespaceScoped() bool { return true }

// GetSingularName implements rest.SingularNameProvider.
func (b *Bindings) GetSingularName() string { return "binding" }

// Create implements rest.Creater.
func (b *Bindings) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	binding, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %T", obj))
	}
	return b.Binding.Create(ctx, binding.Name, obj, validate, o)
}
