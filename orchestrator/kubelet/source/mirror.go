package source

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// mirrorRetry is how soon mirrors are looked at again after an error.
const mirrorRetry = time.Second

// Mirrors makes the apiserver show the static pods.
type Mirrors struct {
	client kubernetes.Interface
	owner  func() *v1.Node // nil until the node is registered
	set    *Set
	woken  chan struct{}
}

func newMirrors(client kubernetes.Interface, owner func() *v1.Node, set *Set) *Mirrors {
	return &Mirrors{client, owner, set, make(chan struct{}, 1)}
}

// wake has the mirrors compared with the static pods soon.
func (m *Mirrors) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

func (m *Mirrors) run(ctx context.Context) {
	m.wake()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.woken:
		case <-retry.C:
		}
		if !m.set.Complete() {
			retry.Reset(mirrorRetry)
			continue
		}
		if err := m.sync(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(1).Info("Cannot mirror static pods; will try again", "err", err)
			retry.Reset(mirrorRetry)
		}
	}
}

// sync makes missing mirrors, and removes those of pods that are gone or have changed.
func (m *Mirrors) sync(ctx context.Context) error {
	statics := m.set.statics()
	var failed error
	shown := map[types.NamespacedName]bool{}
	for _, o := range m.set.informer.GetStore().List() {
		mirror := o.(*v1.Pod)
		if !IsMirror(mirror) {
			continue
		}
		pod := statics[key(mirror)]
		if pod != nil && mirror.DeletionTimestamp == nil && UID(mirror) == pod.UID {
			shown[key(mirror)] = true
			continue
		}
		if err := m.remove(ctx, mirror); err != nil {
			failed = err
		}
	}
	for name, pod := range statics {
		if shown[name] {
			continue
		}
		if err := m.create(ctx, pod); err != nil {
			failed = err
		}
	}
	return failed
}

func (m *Mirrors) create(ctx context.Context, pod *v1.Pod) error {
	owner := m.owner()
	if owner == nil {
		return fmt.Errorf("mirror of %s/%s: node %q not registered", pod.Namespace, pod.Name, m.set.node)
	}
	mirror := pod.DeepCopy()
	mirror.UID, mirror.ResourceVersion, mirror.Generation = "", "", 0
	mirror.Annotations[AnnotationMirror] = mirror.Annotations[AnnotationHash]
	mirror.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "v1", Kind: "Node", Name: owner.Name, UID: owner.UID, Controller: ptr.To(true),
	}}
	_, err := m.client.CoreV1().Pods(pod.Namespace).Create(ctx, mirror, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) { // the watch will show it, and if it isn't ours it stays
		return nil
	}
	if err != nil {
		return fmt.Errorf("mirror of %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

func (m *Mirrors) remove(ctx context.Context, mirror *v1.Pod) error {
	err := m.client.CoreV1().Pods(mirror.Namespace).Delete(ctx, mirror.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(mirror.UID)),
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove mirror %s/%s: %w", mirror.Namespace, mirror.Name, err)
	}
	return nil
}
