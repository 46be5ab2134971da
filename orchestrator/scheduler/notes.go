package scheduler

import (
	"context"
	"maps"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// notes are what is to be written into the status of pods that wait. A pod has one writer at most, which writes one patch after the
// other and of several fields of one name the last: what was said last is what stays.
type notes struct {
	mu sync.Mutex
	of map[types.UID]*note
}

// note is one pod's writer.
type note struct {
	pod    *v1.Pod
	status map[string]any // what is to be written yet
	stop   context.CancelFunc
	ended  chan struct{}
}

// note lets fields of a pod's status be written, and returns at once. said tells that the pod says so already as far as is known:
// then nothing is written, unless there is a writer that may just be changing it.
func (s *Scheduler) note(ctx context.Context, pod *v1.Pod, status map[string]any, said bool) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if n := s.notes.of[pod.UID]; n != nil {
		n.pod = pod
		maps.Copy(n.status, status)
		return
	}
	if said {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	n := &note{pod: pod, status: status, stop: stop, ended: make(chan struct{})}
	if s.notes.of == nil {
		s.notes.of = map[types.UID]*note{}
	}
	s.notes.of[pod.UID] = n
	s.tasks.Go(func() { s.write(ctx, n) })
}

// write is a writer: it ends when nothing is left to be written.
func (s *Scheduler) write(ctx context.Context, n *note) {
	defer close(n.ended)
	defer n.stop()
	for {
		pod, status := s.notes.take(ctx, n)
		if len(status) == 0 {
			return
		}
		if err := s.patchStatus(ctx, pod, status); err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
			klog.FromContext(ctx).Error(err, "Error updating pod", "pod", klog.KObj(pod))
		}
	}
}

// take returns what a writer has to do. If that is nothing, or the writer is stopped, the pod has no writer any more.
func (ns *notes) take(ctx context.Context, n *note) (*v1.Pod, map[string]any) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if len(n.status) == 0 || ctx.Err() != nil {
		delete(ns.of, n.pod.UID)
		return nil, nil
	}
	status := n.status
	n.status = map[string]any{}
	return n.pod, status
}

// drop ends a pod's writer, and waits for its end: what is said of the pod from now on must not be overwritten.
func (ns *notes) drop(uid types.UID) {
	ns.mu.Lock()
	n := ns.of[uid]
	if n != nil {
		clear(n.status)
	}
	ns.mu.Unlock()
	if n != nil {
		n.stop() // what it is at
		<-n.ended
	}
}
