package garbagecollector

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// dropOwners takes owners off an object as it was read.
func (c *Controller) dropOwners(ctx context.Context, n *node, o *metav1.PartialObjectMetadata, owners []types.UID) error {
	left := make([]metav1.OwnerReference, 0, len(o.OwnerReferences))
	for _, r := range o.OwnerReferences {
		if !slices.Contains(owners, r.UID) {
			left = append(left, r)
		}
	}
	if len(left) == len(o.OwnerReferences) {
		return nil
	}
	return c.patch(ctx, n, o, "ownerReferences", left)
}

// unblock makes that no owner waits for an object.
func (c *Controller) unblock(ctx context.Context, n *node, o *metav1.PartialObjectMetadata) error {
	refs := slices.Clone(o.OwnerReferences)
	for i := range refs {
		refs[i].BlockOwnerDeletion = ptr.To(false)
	}
	return c.patch(ctx, n, o, "ownerReferences", refs)
}

// dropFinalizer lets an object as it was read go, as far as we are concerned.
func (c *Controller) dropFinalizer(ctx context.Context, n *node, o *metav1.PartialObjectMetadata, finalizer string) error {
	left := slices.DeleteFunc(slices.Clone(o.Finalizers), func(f string) bool { return f == finalizer })
	return c.patch(ctx, n, o, "finalizers", left)
}

// patch sets one field of an object's metadata, unless the object has changed since it was read. A merge patch is the one kind
// that all resources take, those of custom definitions too. An object that is gone is no error.
func (c *Controller) patch(ctx context.Context, n *node, o *metav1.PartialObjectMetadata, field string, value any) error {
	meta := map[string]any{"uid": o.UID, "resourceVersion": o.ResourceVersion, field: value}
	body, err := json.Marshal(map[string]any{"metadata": meta})
	if err == nil {
		_, err = c.client(n).Patch(ctx, n.name, types.MergePatchType, body, metav1.PatchOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patch %s of %s %s/%s: %w", field, n.resource.Resource, n.namespace, n.name, err)
	}
	return nil
}
