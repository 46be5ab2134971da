package servicepods

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Watch calls enqueue with each service whose endpoints may be others than before. Call it before the informers start.
func Watch(env *controller.Env, enqueue func(obj any)) {
	core := env.Informers.Core().V1()
	controller.Any(func(svc *v1.Service) { enqueue(svc) }).Watch(core.Services().Informer())
	services := core.Services().Lister()
	enqueueOf := func(pods ...*v1.Pod) {
		for _, svc := range selecting(services, pods) {
			enqueue(svc)
		}
	}
	controller.On[*v1.Pod]{
		Add: func(p *v1.Pod) { enqueueOf(p) },
		Update: func(old, p *v1.Pod) {
			if concerns(old, p) {
				enqueueOf(old, p)
			}
		},
		Delete: func(p *v1.Pod) { enqueueOf(p) },
	}.Watch(core.Pods().Informer())
}

// selecting returns the services that select one of the pods at least, which are of one namespace.
func selecting(services corelisters.ServiceLister, pods []*v1.Pod) []*v1.Service {
	all, err := services.Services(pods[0].Namespace).List(labels.Everything())
	if err != nil {
		runtime.HandleError(fmt.Errorf("servicepods: list services: %w", err))
		return nil
	}
	var found []*v1.Service
	for _, svc := range all {
		if !Managed(svc) {
			continue
		}
		selector := labels.SelectorFromValidatedSet(svc.Spec.Selector)
		for _, p := range pods {
			if selector.Matches(labels.Set(p.Labels)) {
				found = append(found, svc)
				break
			}
		}
	}
	return found
}

// concerns tells that a pod's change can show in endpoints.
func concerns(old, p *v1.Pod) bool {
	return old.UID != p.UID ||
		controller.Ready(old) != controller.Ready(p) ||
		Member(old) != Member(p) ||
		(old.DeletionTimestamp == nil) != (p.DeletionTimestamp == nil) ||
		old.Spec.NodeName != p.Spec.NodeName ||
		old.Spec.Hostname != p.Spec.Hostname || old.Spec.Subdomain != p.Spec.Subdomain ||
		old.Status.PodIP != p.Status.PodIP ||
		!equality.Semantic.DeepEqual(old.Status.PodIPs, p.Status.PodIPs) ||
		!equality.Semantic.DeepEqual(old.Labels, p.Labels)
}
