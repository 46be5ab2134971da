package registry

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
)

// scaled is where a kind keeps what a Scale shows.
type scaled struct {
	replicas *int32 // as asked for
	actual   int32
	selector string
}

// scaleOf finds it; false for a kind that has no scale. The object's replicas are set if they were not.
func scaleOf(obj runtime.Object) (scaled, bool) {
	replicas := func(at **int32) *int32 {
		if *at == nil {
			*at = new(int32(1))
		}
		return *at
	}
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return scaled{replicas(&o.Spec.Replicas), o.Status.Replicas, selectorText(o.Spec.Selector)}, true
	case *appsv1.ReplicaSet:
		return scaled{replicas(&o.Spec.Replicas), o.Status.Replicas, selectorText(o.Spec.Selector)}, true
	case *appsv1.StatefulSet:
		return scaled{replicas(&o.Spec.Replicas), o.Status.Replicas, selectorText(o.Spec.Selector)}, true
	case *corev1.ReplicationController:
		return scaled{replicas(&o.Spec.Replicas), o.Status.Replicas, selectorText(metav1.SetAsLabelSelector(o.Spec.Selector))}, true
	}
	return scaled{}, false
}

// selectorText is a selector as text, which is empty for one that selects nothing or cannot be read.
func selectorText(s *metav1.LabelSelector) string {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return ""
	}
	return selector.String()
}

// Scale serves how many replicas an object has and shall have.
type Scale struct{ store *Store }

// NewScale returns the scale subresource of a store's objects.
func NewScale(s *Store) (*Scale, error) {
	if _, ok := scaleOf(s.New()); !ok {
		return nil, fmt.Errorf("registry: %s have no scale", s.kind.Plural)
	}
	return &Scale{s}, nil
}

// New implements rest.Storage.
func (s *Scale) New() runtime.Object { return &autoscalingv1.Scale{} }

// Destroy implements rest.Storage.
func (s *Scale) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider.
func (s *Scale) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

// Get implements rest.Getter.
func (s *Scale) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	obj, err := s.store.Get(ctx, name, o)
	if err != nil {
		return nil, err
	}
	return show(obj)
}

// show makes a Scale of an object.
func show(obj runtime.Object) (*autoscalingv1.Scale, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, err
	}
	of, _ := scaleOf(obj.DeepCopyObject())
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: m.GetName(), Namespace: m.GetNamespace(), UID: m.GetUID(),
			ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: *of.replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: of.actual, Selector: of.selector},
	}, nil
}

// Update implements rest.Updater.
func (s *Scale) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	obj, _, err := s.store.Update(ctx, name, &scaleUpdate{info: info, name: name},
		func(context.Context, runtime.Object) error { return nil },
		func(ctx context.Context, obj, old runtime.Object) error {
			is, err := show(obj)
			if err != nil {
				return err
			}
			was, err := show(old)
			if err != nil {
				return err
			}
			return update(ctx, is, was)
		}, false, o)
	if err != nil {
		return nil, false, err
	}
	scale, err := show(obj)
	return scale, false, err
}

// ConvertToTable implements rest.TableConvertor.
func (s *Scale) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, obj, options)
}

// scaleUpdate makes an update of the object of one of its scale.
type scaleUpdate struct {
	info rest.UpdatedObjectInfo
	name string
}

// Preconditions implements rest.UpdatedObjectInfo.
func (u *scaleUpdate) Preconditions() *metav1.Preconditions { return u.info.Preconditions() }

// UpdatedObject implements rest.UpdatedObjectInfo.
func (u *scaleUpdate) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	obj := old.DeepCopyObject()
	of, ok := scaleOf(obj)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("%T has no scale", old))
	}
	was, err := show(old)
	if err != nil {
		return nil, err
	}
	asked, err := u.info.UpdatedObject(ctx, was)
	if err != nil {
		return nil, err
	}
	scale, ok := asked.(*autoscalingv1.Scale)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a Scale, got %T", asked))
	}
	if scale.Spec.Replicas < 0 {
		return nil, apierrors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), u.name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0"),
		})
	}
	if scale.ResourceVersion != "" {
		m, err := meta.Accessor(obj)
		if err != nil {
			return nil, err
		}
		m.SetResourceVersion(scale.ResourceVersion)
	}
	*of.replicas = scale.Spec.Replicas
	return obj, nil
}
