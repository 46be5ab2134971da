package controller

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Claim sorts out which of the candidates an owner has: its own that match its selector, and those without an owner that match,
// which it adopts. Its own that match no longer are released. alive reads the owner from the apiserver, before
// the first adoption: one that is being deleted, or was replaced by another of its name, adopts nothing.
type Claim[T metav1.Object] struct {
	Owner    Owner
	Kind     schema.GroupVersionKind
	Selector labels.Selector
	Alive    func(ctx context.Context) (metav1.Object, error)
	// Patch sends a strategic merge patch of one candidate's metadata.
	Patch func(ctx context.Context, obj T, patch []byte) error
}

// Of returns what the owner has of the candidates after adoptions and releases.
func (c *Claim[T]) Of(ctx context.Context, candidates []T) (claimed []T, err error) {
	checked := false
	for _, obj := range candidates {
		ref := metav1.GetControllerOf(obj)
		matches := c.Selector.Matches(labels.Set(obj.GetLabels()))
		switch {
		case ref != nil && ref.UID != c.Owner.GetUID():
			continue
		case ref != nil && matches:
			claimed = append(claimed, obj)
		case ref != nil:
			if c.Owner.GetDeletionTimestamp() == nil {
				if err := c.release(ctx, obj); err != nil {
					return claimed, err
				}
			}
		case matches && c.Owner.GetDeletionTimestamp() == nil && obj.GetDeletionTimestamp() == nil:
			if !checked {
				if err := c.mayAdopt(ctx); err != nil {
					return claimed, err
				}
				checked = true
			}
			switch err := c.adopt(ctx, obj); {
			case apierrors.IsNotFound(err):
			case err != nil:
				return claimed, err
			default:
				claimed = append(claimed, obj)
			}
		}
	}
	return claimed, nil
}

func (c *Claim[T]) mayAdopt(ctx context.Context) error {
	now, err := c.Alive(ctx)
	if err != nil {
		return err
	}
	if now.GetUID() != c.Owner.GetUID() {
		return fmt.Errorf("%s %s/%s was replaced by another of its name", c.Kind.Kind, c.Owner.GetNamespace(), c.Owner.GetName())
	}
	if at := now.GetDeletionTimestamp(); at != nil {
		return fmt.Errorf("%s %s/%s is being deleted since %v", c.Kind.Kind, now.GetNamespace(), now.GetName(), at)
	}
	return nil
}

func (c *Claim[T]) adopt(ctx context.Context, obj T) error {
	patch := ownerPatch{Metadata: ownerPatchMeta{UID: obj.GetUID(), OwnerReferences: []any{metav1.NewControllerRef(c.Owner, c.Kind)}}}
	return c.Patch(ctx, obj, patch.encode())
}

// release makes obj an orphan. It is no error when it is gone or was released already.
func (c *Claim[T]) release(ctx context.Context, obj T) error {
	gone := map[string]string{"$patch": "delete", "uid": string(c.Owner.GetUID())}
	patch := ownerPatch{Metadata: ownerPatchMeta{UID: obj.GetUID(), OwnerReferences: []any{gone}}}
	err := c.Patch(ctx, obj, patch.encode())
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		return nil
	}
	return err
}

// PatchPod returns Claim.Patch for pods.
func PatchPod(client kubernetes.Interface) func(context.Context, *v1.Pod, []byte) error {
	return func(ctx context.Context, pod *v1.Pod, patch []byte) error {
		_, err := client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	}
}

// ownerPatch is a strategic merge patch of an object's owners. The UID in it makes it fail on another object of the same name.
type ownerPatch struct {
	Metadata ownerPatchMeta `json:"metadata"`
}

type ownerPatchMeta struct {
	UID             types.UID `json:"uid"`
	OwnerReferences []any     `json:"ownerReferences"`
}

func (p *ownerPatch) encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("controller: a patch that cannot be encoded: " + err.Error()) // strings and bools only
	}
	return b
}
