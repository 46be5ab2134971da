package proxy

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// labelServiceProxyName names the proxy that a Service is for; where it is there, it isn't us.
const labelServiceProxyName = "service.kubernetes.io/service-proxy-name"

// byService is the index of slices by the Service they are of.
const byService = "service"

// watch makes the informers. Their events only say which Services to look at again.
func (p *Proxy) watch() error {
	served := informers.NewSharedInformerFactoryWithOptions(p.Client, p.Resync, informers.WithTransform(slim),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.LabelSelector = "!" + labelServiceProxyName + ",!" + v1.IsHeadlessService
		}))
	us := informers.NewSharedInformerFactoryWithOptions(p.Client, p.Resync, informers.WithTransform(slim),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("metadata.name", p.NodeName).String()
		}))
	p.services = served.Core().V1().Services().Informer()
	p.slices = served.Discovery().V1().EndpointSlices().Informer()
	p.node = us.Core().V1().Nodes().Informer()
	err := p.slices.AddIndexers(cache.Indexers{byService: func(object any) ([]string, error) {
		if service, ok := serviceOfSlice(object); ok {
			return []string{service.String()}, nil
		}
		return nil, nil
	}})
	if err != nil {
		return fmt.Errorf("indexing slices: %w", err)
	}
	for informer, changed := range map[cache.SharedIndexInformer]func(any){
		p.services: p.serviceChanged, p.slices: p.sliceChanged, p.node: p.nodeChanged,
	} {
		if _, err := informer.AddEventHandler(handler(changed)); err != nil {
			return fmt.Errorf("watching: %w", err)
		}
	}
	return nil
}

// handler calls changed for both the old and the new state: a slice may have moved from one Service to another.
func handler(changed func(any)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: changed,
		UpdateFunc: func(old, now any) {
			if version(old) != version(now) { // it's no resync
				changed(old)
				changed(now)
			}
		},
		DeleteFunc: func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			changed(object)
		},
	}
}

func version(object any) string {
	if m, err := meta.Accessor(object); err == nil {
		return m.GetResourceVersion()
	}
	return ""
}

// slim drops what takes memory and says nothing about traffic.
func slim(object any) (any, error) {
	if m, err := meta.Accessor(object); err == nil {
		m.SetManagedFields(nil)
	}
	if node, ok := object.(*v1.Node); ok {
		node.Status.Images = nil
	}
	return object, nil
}

func (p *Proxy) serviceChanged(object any) {
	if s, ok := object.(*v1.Service); ok {
		p.touch(types.NamespacedName{Namespace: s.Namespace, Name: s.Name})
	}
}

func (p *Proxy) sliceChanged(object any) {
	if service, ok := serviceOfSlice(object); ok {
		p.touch(service)
	}
}

// nodeChanged has the next sync look whether anything is new that rules depend on.
func (p *Proxy) nodeChanged(any) { p.touch() }

func serviceOfSlice(object any) (types.NamespacedName, bool) {
	s, ok := object.(*discoveryv1.EndpointSlice)
	if !ok || s.Labels[discoveryv1.LabelServiceName] == "" {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}, true
}

// touch asks for a sync that looks at these Services.
func (p *Proxy) touch(services ...types.NamespacedName) {
	p.giveBack(sets.New(services...))
	p.Reporter.Pending()
	select {
	case p.wake <- struct{}{}:
	default: // it will wake anyway
	}
}

// giveBack has the next sync look at Services, whenever that is.
func (p *Proxy) giveBack(services sets.Set[types.NamespacedName]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for service := range services {
		p.touched.Insert(service)
	}
}

// take returns the Services to look at, once.
func (p *Proxy) take() sets.Set[types.NamespacedName] {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.touched
	p.touched = sets.New[types.NamespacedName]()
	return t
}
