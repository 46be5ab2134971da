package kubeadm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// applier makes objects of a cluster what they are here, server side.
type applier struct{ client dynamic.Interface }

func newApplier(config *rest.Config) (*applier, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeadm: %w", err)
	}
	return &applier{client}, nil
}

// apply writes objects in order. One that the apiserver can't take yet, for its namespace or its right is a moment away, is tried again.
func (a *applier) apply(ctx context.Context, objects ...runtime.Object) error {
	for _, obj := range objects {
		if err := a.one(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) one(ctx context.Context, obj runtime.Object) error {
	kinds, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil {
		return fmt.Errorf("kubeadm: apply: %w", err)
	}
	kind := kinds[0]
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return fmt.Errorf("kubeadm: apply: %w", err)
	}
	u := &unstructured.Unstructured{Object: fields}
	u.SetGroupVersionKind(kind)
	unstructured.RemoveNestedField(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	text, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("kubeadm: apply: %w", err)
	}
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	what := fmt.Sprintf("apply %s %s", kind.Kind, u.GetName())
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return poll(ctx, what, func(ctx context.Context) error {
		_, err := a.client.Resource(resource).Namespace(u.GetNamespace()).Patch(ctx, u.GetName(), types.ApplyPatchType, text,
			metav1.PatchOptions{FieldManager: "kubeadm", Force: ptr.To(true)})
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
			cancel() // no time will help
		}
		return err
	})
}
