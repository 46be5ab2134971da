package endpointslice

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/record"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/servicepods"
)

const (
	// managedBy is the label's value on the slices that are ours.
	managedBy = "endpointslice-controller.k8s.io"
	name      = "endpoint-slice-controller"
)

// writer writes the slices of services.
type writer struct {
	client   kubernetes.Interface
	recorder record.EventRecorder
	services corelisters.ServiceLister
	pods     corelisters.PodLister
	nodes    corelisters.NodeLister
	slices   discoverylisters.EndpointSliceLister
	triggers *servicepods.Triggers
	loop     *controller.Loop
	expected *controller.Expectations
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	w := newWriter(env)
	servicepods.Watch(env, w.loop.Enqueue)
	controller.On[*discovery.EndpointSlice]{
		Add: func(s *discovery.EndpointSlice) {
			if key, ok := serviceOf(s); ok {
				w.expected.Created(key)
				w.loop.Add(key)
			}
		},
		Update: func(old, s *discovery.EndpointSlice) {
			// Whoever took the label away took the slice from the service too.
			for _, s := range []*discovery.EndpointSlice{old, s} {
				if key, ok := serviceOf(s); ok {
					w.loop.Add(key)
				}
			}
		},
		Delete: func(s *discovery.EndpointSlice) {
			if key, ok := serviceOf(s); ok {
				w.expected.Deleted(key, s.UID)
				w.loop.Add(key)
			}
		},
	}.Watch(env.Informers.Discovery().V1().EndpointSlices().Informer())
	return w.loop
}

func newWriter(env *controller.Env) *writer {
	core, slices := env.Informers.Core().V1(), env.Informers.Discovery().V1().EndpointSlices()
	w := &writer{
		client: env.Client, recorder: env.Recorder(name), triggers: servicepods.NewTriggers(),
		services: core.Services().Lister(), pods: core.Pods().Lister(), nodes: core.Nodes().Lister(), slices: slices.Lister(),
	}
	w.loop = controller.NewLoop(name, 5, w.sync, core.Services().Informer().HasSynced, core.Pods().Informer().HasSynced,
		core.Nodes().Informer().HasSynced, slices.Informer().HasSynced)
	w.expected = controller.NewExpectations(env.Clock, w.loop)
	return w
}

// serviceOf is the key of the service that one of our slices is of.
func serviceOf(s *discovery.EndpointSlice) (key string, ok bool) {
	service := s.Labels[discovery.LabelServiceName]
	return s.Namespace + "/" + service, service != "" && s.Labels[discovery.LabelManagedBy] == managedBy
}

func (w *writer) sync(ctx context.Context, key string) error {
	namespace, service, err := controller.Split(key)
	if err != nil {
		return err
	}
	svc, err := w.services.Services(namespace).Get(service)
	if apierrors.IsNotFound(err) {
		w.triggers.Forget(key)
		w.expected.Forget(key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("service %s: %w", key, err)
	}
	// The cache has to show our own slices before more are made: their names are not ours to choose, so nothing else would notice.
	if !servicepods.Managed(svc) || svc.DeletionTimestamp != nil || !w.expected.Satisfied(key) {
		return nil
	}
	pods, err := w.pods.Pods(namespace).List(labels.SelectorFromValidatedSet(svc.Spec.Selector))
	if err != nil {
		return fmt.Errorf("list the pods of service %s: %w", key, err)
	}
	existing, err := w.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{
		discovery.LabelServiceName: service, discovery.LabelManagedBy: managedBy,
	}))
	if err != nil {
		return fmt.Errorf("list the slices of service %s: %w", key, err)
	}
	p, nodeless := w.plan(svc, pods, existing)
	return errors.Join(w.apply(ctx, key, svc, p), nodeless)
}

// plan is what has to change for all the address families of a service. The error names pods whose node isn't known. They are
// left out of the plan, and tried again: the node may be too new for the cache.
func (w *writer) plan(svc *v1.Service, pods []*v1.Pod, existing []*discovery.EndpointSlice) (all plan, nodeless error) {
	key := svc.Namespace + "/" + svc.Name
	since := w.triggers.Since(key, svc, pods)
	for _, family := range servicepods.Families(svc) {
		typ := discovery.AddressType(family)
		var have []*discovery.EndpointSlice
		for _, s := range existing {
			if s.DeletionTimestamp == nil && s.AddressType == typ {
				have = append(have, s)
			}
		}
		groups, err := wanted(svc, pods, w.nodes, family)
		nodeless = errors.Join(nodeless, err)
		all.append(reconcile(shape(svc, typ, since), have, groups))
	}
	for _, s := range existing {
		if s.DeletionTimestamp == nil && !hasFamily(svc, s.AddressType) {
			all.remove = append(all.remove, s)
		}
	}
	return all, nodeless
}

func hasFamily(svc *v1.Service, typ discovery.AddressType) bool {
	for _, family := range servicepods.Families(svc) {
		if discovery.AddressType(family) == typ {
			return true
		}
	}
	return false
}

// apply sends a plan. Updates come before deletions, so that an endpoint that moves is never nowhere.
func (w *writer) apply(ctx context.Context, key string, svc *v1.Service, p plan) error {
	client := w.client.DiscoveryV1().EndpointSlices(svc.Namespace)
	var errs []error
	for _, s := range p.create {
		w.expected.ExpectCreations(key, 1)
		if _, err := client.Create(ctx, s, metav1.CreateOptions{}); err != nil {
			w.expected.Created(key)
			if apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
				return nil
			}
			errs = append(errs, fmt.Errorf("create a slice of service %s: %w", key, err))
		}
	}
	for _, s := range p.update {
		if _, err := client.Update(ctx, s, metav1.UpdateOptions{}); err != nil {
			errs = append(errs, fmt.Errorf("update slice %s/%s: %w", s.Namespace, s.Name, err))
		}
	}
	for _, s := range p.remove {
		w.expected.ExpectDeletion(key, s.UID)
		err := client.Delete(ctx, s.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(s.UID))})
		if err != nil {
			w.expected.Deleted(key, s.UID)
			if !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("delete slice %s/%s: %w", s.Namespace, s.Name, err))
			}
		}
	}
	err := errors.Join(errs...)
	if err != nil && !apierrors.IsConflict(err) {
		w.recorder.Eventf(svc, v1.EventTypeWarning, "FailedToUpdateEndpointSlices",
			"Error updating Endpoint Slices for Service %s/%s: %v", svc.Namespace, svc.Name, err)
	}
	return err
}
