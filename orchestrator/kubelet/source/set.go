package source

import (
	"context"
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Sink is who runs pods. Its methods return soon.
type Sink interface {
	Update(pod *v1.Pod)          // it is new, or changed
	Remove(uid types.UID)        // it isn't wanted any more
	MirrorChanged(uid types.UID) // the object that shows a static pod was made, changed or deleted
}

// Set is all pods of a node, of both sources.
type Set struct {
	node     string
	sink     Sink
	client   kubernetes.Interface      // nil: no apiserver
	informer cache.SharedIndexInformer // nil: no apiserver
	mirrors  *Mirrors                  // nil: no apiserver

	mu         sync.Mutex
	static     map[types.UID]*v1.Pod
	staticRead bool
	handled    cache.InformerSynced // whether the sink has all pods of the first list; nil: not begun
}

// NewSet returns the pods of a node. Without a client there are static ones only.
func NewSet(node string, client kubernetes.Interface, owner func() *v1.Node, sink Sink) *Set {
	s := &Set{node: node, client: client, sink: sink, static: map[types.UID]*v1.Pod{}}
	if client != nil {
		s.informer = informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(s.ours)).Core().V1().Pods().Informer()
		s.mirrors = newMirrors(client, owner, s)
	}
	return s
}

// Run watches until ctx ends. folder may be nil.
func (s *Set) Run(ctx context.Context, folder *Folder) error {
	var group sync.WaitGroup
	defer group.Wait()
	if folder != nil {
		group.Go(func() { folder.Run(ctx, s.setStatic) })
	} else {
		s.setStatic(nil)
	}
	if s.informer == nil {
		return nil
	}
	handler, err := s.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { s.changed(o.(*v1.Pod)) },
		UpdateFunc: func(_, o any) { s.changed(o.(*v1.Pod)) },
		DeleteFunc: func(o any) {
			if gone, is := o.(cache.DeletedFinalStateUnknown); is {
				o = gone.Obj
			}
			s.gone(o.(*v1.Pod))
		},
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.handled = handler.HasSynced
	s.mu.Unlock()
	group.Go(func() {
		if Await(ctx, "pods", s.list) {
			s.informer.RunWithContext(ctx)
		}
	})
	group.Go(func() { s.mirrors.run(ctx) })
	return nil
}

// ours narrows a list to the node's pods.
func (s *Set) ours(o *metav1.ListOptions) {
	o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", s.node).String()
}

// list asks for a pod, to see whether the apiserver answers.
func (s *Set) list(ctx context.Context) error {
	o := metav1.ListOptions{Limit: 1}
	s.ours(&o)
	_, err := s.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, o)
	return err
}

// Complete says whether the sink has got what both sources held at first: before, a pod that it doesn't know may well be wanted.
func (s *Set) Complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.staticRead && (s.informer == nil || s.handled != nil && s.handled())
}

func (s *Set) changed(object *v1.Pod) {
	if IsMirror(object) {
		s.mirrors.wake()
		s.sink.MirrorChanged(UID(object))
		return
	}
	if IsStatic(object) { // so its author says, who may have no more rights than to make pods
		object = object.DeepCopy()
		object.Annotations[AnnotationSource] = fromAPI
	}
	s.sink.Update(object)
}

func (s *Set) gone(object *v1.Pod) {
	if IsMirror(object) {
		s.mirrors.wake()
		return
	}
	s.sink.Remove(object.UID)
}

// setStatic replaces the static pods.
func (s *Set) setStatic(pods []*v1.Pod) {
	now := map[types.UID]*v1.Pod{}
	for _, pod := range pods {
		now[pod.UID] = pod
	}
	s.mu.Lock()
	before := s.static
	for uid := range now {
		if same := before[uid]; same != nil { // as it was first seen
			now[uid] = same
		}
	}
	s.static = now
	s.mu.Unlock()
	for uid := range before { // first: what comes may have the name of what goes
		if now[uid] == nil {
			s.sink.Remove(uid)
		}
	}
	for uid, pod := range now {
		if before[uid] == nil {
			s.sink.Update(pod)
		}
	}
	s.mu.Lock()
	s.staticRead = true
	s.mu.Unlock()
	if s.mirrors != nil {
		s.mirrors.wake()
	}
}

// statics are the static pods by name.
func (s *Set) statics() map[types.NamespacedName]*v1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[types.NamespacedName]*v1.Pod{}
	for _, pod := range s.static {
		out[key(pod)] = pod
	}
	return out
}
