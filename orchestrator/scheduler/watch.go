package scheduler

import (
	"fmt"
	"maps"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// watch registers what keeps the view and the queue up to date.
func (s *Scheduler) watch(f informers.SharedInformerFactory) error {
	core, storage := f.Core().V1(), f.Storage().V1()
	for _, w := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{core.Nodes().Informer(), handler(s.nodeSet, s.nodeGone)},
		{core.Pods().Informer(), handler(s.podSet, s.podGone)},
		{core.Namespaces().Informer(), handler(s.namespaceSet, nil)},
		{core.PersistentVolumeClaims().Informer(), handler(wakes[v1.PersistentVolumeClaim](s, change.Claim))},
		{core.PersistentVolumes().Informer(), handler(wakes[v1.PersistentVolume](s, change.Volume))},
		{storage.StorageClasses().Informer(), handler(wakes[storagev1.StorageClass](s, change.Class))},
		{f.Policy().V1().PodDisruptionBudgets().Informer(), nil}, // read by preemption only
	} {
		synced := w.informer.HasSynced
		if w.handler != nil {
			r, err := w.informer.AddEventHandler(w.handler)
			if err != nil {
				return fmt.Errorf("watch: %w", err)
			}
			synced = r.HasSynced // the view has been told as well
		}
		s.synced = append(s.synced, synced)
	}
	return nil
}

// handler makes an informer's handler of two functions: set gets nil for old when the object is new; gone may be nil.
func handler[T any](set func(old, obj *T), gone func(obj *T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if now, ok := typed[T](obj); ok {
				set(nil, now)
			}
		},
		UpdateFunc: func(before, obj any) {
			old, ok1 := typed[T](before)
			now, ok2 := typed[T](obj)
			if ok1 && ok2 {
				set(old, now)
			}
		},
		DeleteFunc: func(obj any) {
			if last, ok := typed[T](obj); ok && gone != nil {
				gone(last)
			}
		},
	}
}

// wakes are handlers of objects that are read from their informer only: whatever happens to one may help a pod.
func wakes[T any](s *Scheduler, what change.Set) (set func(_, _ *T), gone func(*T)) {
	return func(_, _ *T) { s.queue.Wake(what) }, func(*T) { s.queue.Wake(what) }
}

// typed is an informer's object, or what was known last of a deleted one.
func typed[T any](obj any) (*T, bool) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	t, ok := obj.(*T)
	if !ok {
		runtime.HandleError(fmt.Errorf("scheduler: an informer gave %T", obj))
	}
	return t, ok
}

// nodeSet takes over what a node says of itself. Heartbeats wake nobody.
func (s *Scheduler) nodeSet(old, node *v1.Node) {
	s.cluster.With(func(st *view.State) { st.SetNode(node) })
	if old == nil {
		s.queue.Wake(change.NodeAdded)
		return
	}
	s.queue.Wake(change.OfNode(old, node))
}

// nodeGone takes a node out; its pods stay until they are deleted too.
func (s *Scheduler) nodeGone(node *v1.Node) {
	s.cluster.With(func(st *view.State) { st.RemoveNode(node.Name) })
	s.queue.Wake(change.NodeGone)
}

// namespaceSet wakes pods whose affinity speaks of namespaces by their labels.
func (s *Scheduler) namespaceSet(old, ns *v1.Namespace) {
	if old == nil || !maps.Equal(old.Labels, ns.Labels) {
		s.queue.Wake(change.NamespaceLabels)
	}
}

// podSet sorts a pod: on a node, waiting for us to find one, or of no concern.
func (s *Scheduler) podSet(old, pod *v1.Pod) {
	switch {
	case pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed:
		s.podGone(pod)
	case pod.Spec.NodeName != "":
		s.queue.Delete(pod.UID) // first, see podGone
		var what change.Set
		s.cluster.With(func(st *view.State) {
			before, assumed := st.Placed(pod.UID), st.Assumed(pod.UID)
			nominated := st.Unnominate(pod.UID)
			st.SetPod(pod)
			what = ofPod(before, st.Placed(pod.UID), assumed)
			if nominated != "" && nominated != pod.Spec.NodeName {
				what |= change.PodGone
			}
		})
		s.queue.Wake(what)
	case pod.Spec.SchedulerName != Name && pod.Spec.SchedulerName != "":
	case pod.DeletionTimestamp != nil:
		s.queue.Delete(pod.UID) // nobody needs a node to go
	default:
		s.podWaits(pod, old == nil)
	}
}

// podWaits queues a pod, unless it was given a node that this informer has yet to hear of.
func (s *Scheduler) podWaits(pod *v1.Pod, isNew bool) {
	placed := false
	s.cluster.With(func(st *view.State) {
		placed = st.Placed(pod.UID) != nil
		if node := pod.Status.NominatedNodeName; node != "" && isNew && !placed {
			st.Nominate(view.NewPod(pod), node) // by a scheduler before us; later we know better than the informer
		}
	})
	if placed {
		s.queue.Update(pod)
		return
	}
	s.queue.Set(pod)
}

// podGone drops a pod that was deleted or has ended: it holds nothing any more. It leaves the queue before the view, so that an
// attempt that is under way either finds it gone from the queue, or what the attempt did to the view is undone here.
func (s *Scheduler) podGone(pod *v1.Pod) {
	s.queue.Delete(pod.UID)
	var held bool
	s.cluster.With(func(st *view.State) {
		held = st.Placed(pod.UID) != nil || st.NominatedTo(pod.UID) != ""
		st.RemovePod(pod.UID)
	})
	if held {
		s.queue.Wake(change.PodGone)
	}
}

// ofPod tells what is new about a pod that has a node.
func ofPod(before, now *view.Pod, assumed bool) change.Set {
	if before == nil || assumed {
		return change.PodPlaced
	}
	var what change.Set
	if !maps.Equal(before.Labels, now.Labels) || (before.DeletionTimestamp == nil) != (now.DeletionTimestamp == nil) {
		what |= change.PodLabels // one that is on its way out isn't counted where pods are to be spread
	}
	if now.Requests.Less(&before.Requests) {
		what |= change.PodGone
	}
	return what
}
