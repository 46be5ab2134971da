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
	informer cache.SharedIndexInformer // nil: no apiserver
	mirrors  *Mirrors                  // nil: no apiserver

	mu         sync.Mutex
	static     map[types.UID]*v1.Pod
	staticRead bool
}

// NewSet returns the pods of a node. Without a client there are static ones only.
func NewSet(node string, client kubernetes.Interface, owner func() *v1.Node, sink Sink) *Set {
	s := &Set{node: node, sink: sink, static: map[types.UID]*v1.Pod{}}
	if client != nil {
		s.informer = informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", node).String()
		})).Core().V1().Pods().Informer()
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
	if _, err := s.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { s.changed(o.(*v1.Pod)) },
		UpdateFunc: func(_, o any) { s.changed(o.(*v1.Pod)) },
		DeleteFunc: func(o any) {
			if gone, is := o.(cache.DeletedFinalStateUnknown); is {
				o = gone.Obj
			}
			s.gone(o.(*v1.Pod))
		},
	}); err != nil {
		return err
	}
	group.Go(func() { s.informer.RunWithContext(ctx) })
	group.Go(func() { s.mirrors.run(ctx) })
	return nil
}

// Complete says whether both sources have been read: before, a pod that isn't known may well be wanted.
func (s *Set) Complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.staticRead && (s.informer == nil || s.informer.HasSynced())
}

// Wanted is whether a pod is to be here: static, or in the apiserver.
func (s *Set) Wanted(uid types.UID) bool {
	s.mu.Lock()
	_, is := s.static[uid]
	s.mu.Unlock()
	if is || s.informer == nil {
		return is
	}
	for _, o := range s.informer.GetStore().List() {
		if pod := o.(*v1.Pod); pod.UID == uid && !IsMirror(pod) {
			return true
		}
	}
	return false
}

// Object is what the apiserver has under a name, as last seen; nil if nothing.
func (s *Set) Object(name types.NamespacedName) *v1.Pod {
	if s.informer == nil {
		return nil
	}
	o, there, err := s.informer.GetStore().GetByKey(name.String())
	if err != nil || !there {
		return nil
	}
	return o.(*v1.Pod)
}

func (s *Set) changed(object *v1.Pod) {
	if IsMirror(object) {
		s.mirrors.wake()
		s.sink.MirrorChanged(UID(object))
		return
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
	s.static, s.staticRead = now, true
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
