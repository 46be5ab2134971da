package namespace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// result is what came of one attempt to empty a namespace.
type result struct {
	discovery []error // groups that could not be asked
	parsing   []error // group versions that make no sense
	deletion  []error // resources whose objects could not be deleted, or listed

	remaining  map[schema.GroupVersionResource]int // objects
	finalizers map[string]int                      // objects that have them
}

func (r *result) failure() error {
	return errors.Join(errors.Join(r.discovery...), errors.Join(r.parsing...), errors.Join(r.deletion...))
}

// resource is a kind of objects that a namespace can hold.
type resource struct {
	schema.GroupVersionResource
	verbs metav1.Verbs
}

// pods go before the rest.
var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// empty deletes what is in a namespace and counts what remains.
func (c *Controller) empty(ctx context.Context, namespace string) *result {
	r := &result{remaining: map[schema.GroupVersionResource]int{}, finalizers: map[string]int{}}
	resources := c.resources(r)
	slices.SortFunc(resources, func(a, b resource) int {
		if (a.GroupVersionResource == pods) != (b.GroupVersionResource == pods) {
			if a.GroupVersionResource == pods {
				return -1
			}
			return 1
		}
		return strings.Compare(a.String(), b.String())
	})
	for _, of := range resources {
		err := c.clear(ctx, of, namespace, r)
		if err != nil {
			r.deletion = append(r.deletion, fmt.Errorf("%s: %w", of.GroupResource(), err))
		}
		if of.GroupVersionResource == pods && (err != nil || r.remaining[pods] > 0) {
			break
		}
	}
	return r
}

// resources are what namespaces can hold and what can be deleted.
func (c *Controller) resources(r *result) (found []resource) {
	lists, err := c.env.Discovery.ServerPreferredNamespacedResources()
	if groups, partial := discovery.GroupDiscoveryFailedErrorGroups(err); partial {
		for gv, why := range groups {
			r.discovery = append(r.discovery, fmt.Errorf("%s: %w", gv, why))
		}
		slices.SortFunc(r.discovery, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	} else if err != nil {
		r.discovery = append(r.discovery, err)
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			r.parsing = append(r.parsing, err)
			continue
		}
		for i := range list.APIResources {
			of := &list.APIResources[i]
			if strings.Contains(of.Name, "/") || !slices.Contains(of.Verbs, "list") || !slices.Contains(of.Verbs, "delete") {
				continue // what cannot be listed is not stored
			}
			found = append(found, resource{gv.WithResource(of.Name), of.Verbs})
		}
	}
	return found
}

// clear deletes the objects of one resource and counts those that are still there afterwards.
func (c *Controller) clear(ctx context.Context, of resource, namespace string, r *result) error {
	client := c.env.Metadata.Resource(of.GroupVersionResource).Namespace(namespace)
	background := metav1.DeletePropagationBackground
	how := metav1.DeleteOptions{PropagationPolicy: &background}
	if slices.Contains(of.verbs, "deletecollection") {
		if err := client.DeleteCollection(ctx, how, metav1.ListOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	} else {
		list, err := client.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if err := client.Delete(ctx, list.Items[i].Name, how); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	left, err := client.List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) { // a custom resource that was deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	for i := range left.Items {
		r.remains(of.GroupVersionResource, &left.Items[i])
	}
	return nil
}

// remains counts one object that is still there.
func (r *result) remains(of schema.GroupVersionResource, o *metav1.PartialObjectMetadata) {
	r.remaining[of]++
	for _, f := range o.Finalizers {
		r.finalizers[f]++
	}
}
