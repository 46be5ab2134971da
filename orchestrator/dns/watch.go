package dns

import (
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// byService is the index of EndpointSlices by the Service that they belong to.
const byService = "service"

// feed brings changes of objects into an Index. Each change of a Service or of one of its slices makes what is said about it
// anew.
type feed struct {
	mu       sync.Mutex
	index    *Index
	services corelisters.ServiceLister
	slices   cache.Indexer
}

// Watch keeps an index as the objects are. Whoever made the informers starts them afterwards; the index is complete when synced
// holds.
func Watch(index *Index, factory informers.SharedInformerFactory) (synced func() bool, err error) {
	services, namespaces := factory.Core().V1().Services(), factory.Core().V1().Namespaces()
	endpoints := factory.Discovery().V1().EndpointSlices().Informer()
	for _, informer := range []cache.SharedIndexInformer{services.Informer(), namespaces.Informer(), endpoints} {
		if err := informer.SetTransform(withoutManagedFields); err != nil {
			return nil, fmt.Errorf("dns: watch: %w", err)
		}
	}
	if err := endpoints.AddIndexers(cache.Indexers{byService: serviceOf}); err != nil {
		return nil, fmt.Errorf("dns: watch: %w", err)
	}
	f := &feed{index: index, services: services.Lister(), slices: endpoints.GetIndexer()}
	var all []cache.InformerSynced
	for informer, changed := range map[cache.SharedIndexInformer]func(obj any, exists bool){
		services.Informer(): f.service, namespaces.Informer(): f.namespace, endpoints: f.slice,
	} {
		handled, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(obj any) { changed(obj, true) },
			UpdateFunc: func(old, obj any) { changed(old, true); changed(obj, true) }, // a slice may have got another owner
			DeleteFunc: func(obj any) {
				if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
					obj = gone.Obj
				}
				changed(obj, false)
			},
		})
		if err != nil {
			return nil, fmt.Errorf("dns: watch: %w", err)
		}
		all = append(all, handled.HasSynced)
	}
	return func() bool {
		for _, s := range all {
			if !s() {
				return false
			}
		}
		return true
	}, nil
}

// withoutManagedFields keeps what nobody here reads out of the caches.
func withoutManagedFields(obj any) (any, error) {
	if m, err := meta.Accessor(obj); err == nil {
		m.SetManagedFields(nil)
	}
	return obj, nil
}

// serviceOf names the Service that a slice belongs to, as "namespace/name".
func serviceOf(obj any) ([]string, error) {
	slice, ok := obj.(*discoveryv1.EndpointSlice)
	if !ok || slice.Labels[discoveryv1.LabelServiceName] == "" {
		return nil, nil
	}
	return []string{slice.Namespace + "/" + slice.Labels[discoveryv1.LabelServiceName]}, nil
}

func (f *feed) namespace(obj any, exists bool) {
	if ns, ok := obj.(*v1.Namespace); ok {
		f.index.setNamespace(ns.Name, exists)
	}
}

func (f *feed) service(obj any, _ bool) {
	if s, ok := obj.(*v1.Service); ok {
		f.refresh(s.Namespace, s.Name)
	}
}

func (f *feed) slice(obj any, _ bool) {
	if slice, ok := obj.(*discoveryv1.EndpointSlice); ok {
		if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
			f.refresh(slice.Namespace, name)
		}
	}
}

// refresh says anew what the caches hold of a Service. The handlers of Services and of slices run side by side: what the one
// reads before the other's change, it must not write after it.
func (f *feed) refresh(namespace, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := serviceKey{namespace, name}
	s, err := f.services.Services(namespace).Get(name)
	if err != nil {
		f.index.setService(key, nil)
		return
	}
	var its []*discoveryv1.EndpointSlice
	if isHeadless(s) { // the others' endpoints are not asked for by name
		objs, err := f.slices.ByIndex(byService, namespace+"/"+name)
		if err != nil {
			runtime.HandleError(fmt.Errorf("dns: slices of %s/%s: %w", namespace, name, err))
			return
		}
		for _, obj := range objs {
			if slice, ok := obj.(*discoveryv1.EndpointSlice); ok {
				its = append(its, slice)
			}
		}
	}
	f.index.setService(key, newService(s, its))
}
