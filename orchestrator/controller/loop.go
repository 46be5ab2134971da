package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Runner works until ctx ends.
type Runner interface {
	Run(ctx context.Context)
}

// Runners run side by side.
type Runners []Runner

// Run runs all of them and returns when the last one has ended.
func (rs Runners) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, r := range rs {
		running.Go(func() { r.Run(ctx) })
	}
	running.Wait()
}

// Sync brings the cluster nearer to what the object of a key asks for. It finds out itself what that is, and that the object may
// be gone. An error means that it shall be tried again, later each time.
type Sync func(ctx context.Context, key string) error

// Loop is a queue of keys and the goroutines that sync them. A key that is queued several times is synced once, and never by two
// goroutines at the same time.
type Loop struct {
	name    string
	sync    Sync
	workers int
	queue   workqueue.TypedRateLimitingInterface[string]
	synced  []cache.InformerSynced
}

// maxBackoff is how long a sync that fails is put off at most. What it waits for, a quota or an apiserver, may be there again any
// time, and nobody looks at a cluster for the quarter of an hour to which client-go's own limit grows.
const maxBackoff = time.Minute

func newLimiter() workqueue.TypedRateLimiter[string] {
	return workqueue.NewTypedWithMaxWaitRateLimiter(workqueue.DefaultTypedControllerRateLimiter[string](), maxBackoff)
}

// NewLoop returns a loop of so many goroutines. They start when all of synced hold, the caches of what sync reads.
func NewLoop(name string, workers int, sync Sync, synced ...cache.InformerSynced) *Loop {
	return &Loop{
		name: name, sync: sync, workers: workers, synced: synced,
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			newLimiter(), workqueue.TypedRateLimitingQueueConfig[string]{Name: name}),
	}
}

// Add queues a key.
func (l *Loop) Add(key string) { l.queue.Add(key) }

// AddAfter queues a key when d has passed.
func (l *Loop) AddAfter(key string, d time.Duration) { l.queue.AddAfter(key, d) }

// Enqueue queues the key of an object, or of what is left of a deleted one: "namespace/name", or "name".
func (l *Loop) Enqueue(obj any) {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj)
	if err != nil {
		runtime.HandleError(fmt.Errorf("%s: %w", l.name, err))
		return
	}
	l.queue.Add(key)
}

// Len is the number of keys that wait.
func (l *Loop) Len() int { return l.queue.Len() }

// Run implements Runner.
func (l *Loop) Run(ctx context.Context) {
	defer runtime.HandleCrash()
	klog.FromContext(ctx).Info("Starting controller", "controller", l.name)
	defer klog.FromContext(ctx).Info("Shutting down controller", "controller", l.name)
	defer l.queue.ShutDown()
	if !cache.WaitForCacheSync(ctx.Done(), l.synced...) {
		return
	}
	var workers sync.WaitGroup
	for range l.workers {
		workers.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	l.queue.ShutDown()
	workers.Wait()
}

// next syncs one key. It returns false when the queue has ended.
func (l *Loop) next(ctx context.Context) bool {
	key, quit := l.queue.Get()
	if quit {
		return false
	}
	defer l.queue.Done(key)
	err := l.sync(ctx, key)
	var later *laterError
	switch {
	case err == nil:
		l.queue.Forget(key)
	case errors.As(err, &later):
		l.queue.Forget(key)
		l.queue.AddAfter(key, later.after)
	case ctx.Err() != nil:
		// What failed may have failed because we stop.
	default:
		if !apierrors.IsConflict(err) { // somebody was faster: the informer will tell
			klog.FromContext(ctx).Error(err, "Sync failed", "controller", l.name, "key", key)
		}
		l.queue.AddRateLimited(key)
	}
	return true
}

// laterError is no failure: there is nothing to do now.
type laterError struct{ after time.Duration }

func (e *laterError) Error() string { return "again in " + e.after.String() }

// Later is what a Sync returns when it has nothing more to do until d has passed.
func Later(d time.Duration) error { return &laterError{after: d} }

// Split returns the namespace, which may be empty, and the name of a key.
func Split(key string) (namespace, name string, err error) {
	return cache.SplitMetaNamespaceKey(key)
}
