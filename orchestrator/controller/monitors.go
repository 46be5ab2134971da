package controller

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// Monitors are informers of the metadata of objects, for a set of resources that changes while they run. They keep of an object
// what tells it from others, its owners, its finalizers and whether it is being deleted.
type Monitors struct {
	client   metadata.Interface
	handlers func(schema.GroupVersionResource) cache.ResourceEventHandler

	mu sync.Mutex
	of map[schema.GroupVersionResource]*monitor
}

type monitor struct {
	informer cache.SharedIndexInformer
	handled  cache.InformerSynced // the handler has seen all that was there at first
	stop     func()               // and waits until the handler is called no more
}

// NewMonitors returns none yet. handlers makes the handler for the objects of one resource.
func NewMonitors(client metadata.Interface, handlers func(schema.GroupVersionResource) cache.ResourceEventHandler) *Monitors {
	return &Monitors{client: client, handlers: handlers, of: map[schema.GroupVersionResource]*monitor{}}
}

// Set starts the informers that are missing and stops those that are not wanted any more, whose handlers are not called after it. All
// stop when ctx ends.
func (m *Monitors) Set(ctx context.Context, wanted sets.Set[schema.GroupVersionResource]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for resource, running := range m.of {
		if !wanted.Has(resource) {
			running.stop()
			delete(m.of, resource)
		}
	}
	for resource := range wanted {
		if m.of[resource] != nil {
			continue
		}
		started, err := m.start(ctx, resource)
		if err != nil {
			runtime.HandleErrorWithContext(ctx, err, "Monitor", "resource", resource)
			continue
		}
		m.of[resource] = started
	}
}

func (m *Monitors) start(ctx context.Context, resource schema.GroupVersionResource) (*monitor, error) {
	informer := metadatainformer.NewFilteredMetadataInformer(m.client, resource, metav1.NamespaceAll, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}, nil).Informer()
	if err := informer.SetTransform(strip); err != nil {
		return nil, fmt.Errorf("controller: monitor %v: %w", resource, err)
	}
	registered, err := informer.AddEventHandler(m.handlers(resource))
	if err != nil {
		return nil, fmt.Errorf("controller: monitor %v: %w", resource, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	return &monitor{informer: informer, handled: registered.HasSynced, stop: func() {
		cancel()
		running.Wait()
	}}, nil
}

// strip is applied to each object before it is kept: there is one for everything in the cluster.
func strip(obj any) (any, error) {
	o, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	return &metav1.PartialObjectMetadata{TypeMeta: o.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion,
		DeletionTimestamp: o.DeletionTimestamp, Finalizers: o.Finalizers, OwnerReferences: o.OwnerReferences,
	}}, nil
}

// Running are the resources that are monitored.
func (m *Monitors) Running() sets.Set[schema.GroupVersionResource] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sets.KeySet(m.of)
}

// Synced tells that the handlers of all have seen what was there when they were started.
func (m *Monitors) Synced() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, running := range m.of {
		if !running.handled() {
			return false
		}
	}
	return true
}

// Count is how many objects of a resource a namespace has. It is not ok as long as that is not known.
func (m *Monitors) Count(resource schema.GroupVersionResource, namespace string) (n int, ok bool) {
	m.mu.Lock()
	running := m.of[resource]
	m.mu.Unlock()
	if running == nil || !running.handled() {
		return 0, false
	}
	keys, err := running.informer.GetIndexer().IndexKeys(cache.NamespaceIndex, namespace)
	return len(keys), err == nil
}
