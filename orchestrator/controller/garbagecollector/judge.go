package garbagecollector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/controller"
)

// judge decides about an object that has owners: it stays as long as one of them stays.
func (c *Controller) judge(ctx context.Context, n *node, o *metav1.PartialObjectMetadata) error {
	if len(o.OwnerReferences) == 0 {
		return nil
	}
	var stay bool
	var gone, leaving []types.UID
	for _, ref := range o.OwnerReferences {
		state, err := c.owner(ctx, n, ref)
		var invalid *scopeError
		if errors.As(err, &invalid) {
			c.event(n, invalid.Error())
			return nil
		}
		if err != nil {
			return err
		}
		switch state {
		case ownerStays:
			stay = true
		case ownerAbsent:
			gone = append(gone, ref.UID)
		case ownerWaits:
			leaving = append(leaving, ref.UID)
		}
	}
	if stay {
		return c.dropOwners(ctx, n, o, append(gone, leaving...))
	}
	if dependents := c.graph.dependentsOf(n.uid); len(leaving) > 0 && len(dependents) > 0 {
		// The owner waits for this object: so it waits for its own dependents in turn. In a circle nobody could go first.
		if slices.ContainsFunc(dependents, func(d *node) bool { return d.waiting }) {
			if err := c.unblock(ctx, n, o); err != nil {
				return err
			}
			o.ResourceVersion = "" // changed just now
		}
		return c.delete(ctx, n, o, metav1.DeletePropagationForeground)
	}
	return c.delete(ctx, n, o, policyOf(o))
}

// policyOf is what the finalizers of an object ask for, which somebody may have put there in advance.
func policyOf(o *metav1.PartialObjectMetadata) metav1.DeletionPropagation {
	switch {
	case slices.Contains(o.Finalizers, metav1.FinalizerOrphanDependents):
		return metav1.DeletePropagationOrphan
	case slices.Contains(o.Finalizers, metav1.FinalizerDeleteDependents):
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// delete deletes an object as it was read. If it has changed since, its owners may have, and it is looked at again.
func (c *Controller) delete(ctx context.Context, n *node, o *metav1.PartialObjectMetadata, how metav1.DeletionPropagation) error {
	only := metav1.Preconditions{UID: &o.UID}
	if o.ResourceVersion != "" {
		only.ResourceVersion = &o.ResourceVersion
	}
	err := c.client(n).Delete(ctx, n.name, metav1.DeleteOptions{Preconditions: &only, PropagationPolicy: &how})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s %s/%s: %w", n.resource.Resource, n.namespace, n.name, err)
	}
	return nil
}

// ownerState is what an owner means for its dependent.
type ownerState int

const (
	ownerStays  ownerState = iota
	ownerAbsent            // there is no such object
	ownerWaits             // it is being deleted in the foreground
)

// ownerKey is one owner as a dependent names it. It holds a UID: once absent it is absent for good.
type ownerKey struct {
	resource        schema.GroupVersionResource
	namespace, name string
	uid             types.UID
}

// scopeError is a reference from a cluster-scoped object to a namespaced one, whose namespace nobody knows.
type scopeError struct{ ref metav1.OwnerReference }

func (e *scopeError) Error() string {
	return fmt.Sprintf("ownerRef %s is invalid: a cluster-scoped object cannot be owned by a namespaced one", describe(e.ref))
}

func describe(r metav1.OwnerReference) string {
	return fmt.Sprintf("[%s/%s, name: %s, uid: %s]", r.APIVersion, r.Kind, r.Name, r.UID)
}

// keyOf is what a reference of n names.
func (c *Controller) keyOf(n *node, ref metav1.OwnerReference) (key ownerKey, err error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return key, fmt.Errorf("owner %s of %s/%s: %w", describe(ref), n.namespace, n.name, err)
	}
	mapping, err := c.env.Mapper.RESTMapping(gv.WithKind(ref.Kind).GroupKind(), gv.Version)
	if meta.IsNoMatchError(err) {
		return key, controller.Later(discoverEvery) // it may come to be served
	}
	if err != nil {
		return key, fmt.Errorf("owner %s of %s/%s: %w", describe(ref), n.namespace, n.name, err)
	}
	key = ownerKey{resource: mapping.Resource, name: ref.Name, uid: ref.UID}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if n.namespace == "" {
			return key, &scopeError{ref}
		}
		key.namespace = n.namespace
	}
	return key, nil
}

// allStay tells that the graph has every owner of an object, and none of them waits for it: then there is nothing to do.
func (c *Controller) allStay(n *node) bool {
	return !slices.ContainsFunc(n.owners, func(ref metav1.OwnerReference) bool {
		key, err := c.keyOf(n, ref)
		return err != nil || !c.graph.stays(key)
	})
}

// owner finds out about one owner of n. That it stays is taken from the graph: should that be late, its end will be shown.
// Anything else is asked of the apiserver.
func (c *Controller) owner(ctx context.Context, n *node, ref metav1.OwnerReference) (ownerState, error) {
	key, err := c.keyOf(n, ref)
	if err != nil {
		return ownerStays, err
	}
	if _, known := c.absent.Get(key); known {
		return ownerAbsent, nil
	}
	if c.graph.stays(key) {
		return ownerStays, nil
	}
	o, err := c.live(ctx, &node{resource: key.resource, namespace: key.namespace, name: key.name, uid: key.uid})
	switch {
	case err != nil:
		return ownerStays, err
	case o == nil:
		if seen := c.graph.get(ref.UID); seen != nil && seen.namespace != "" && key.namespace != "" && seen.namespace != key.namespace {
			c.event(n, fmt.Sprintf("ownerRef %s does not exist in namespace %q", describe(ref), n.namespace))
		}
		c.absent.Add(key, nil)
		return ownerAbsent, nil
	case waiting(o):
		return ownerWaits, nil
	}
	return ownerStays, nil
}

// is tells that a node is what a reference names. Its version does not matter.
func (n *node) is(k ownerKey) bool {
	return n.resource.GroupResource() == k.resource.GroupResource() && n.namespace == k.namespace && n.name == k.name
}

func (c *Controller) event(n *node, message string) {
	about := &corev1.ObjectReference{Namespace: n.namespace, Name: n.name, UID: n.uid, APIVersion: n.resource.GroupVersion().String()}
	if kind, err := c.env.Mapper.KindFor(n.resource); err == nil {
		about.Kind = kind.Kind
	}
	c.recorder.Event(about, corev1.EventTypeWarning, "OwnerRefInvalidNamespace", message)
}
