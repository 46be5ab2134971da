package garbagecollector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/lru"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	// workers is how many objects are looked at in parallel; most of the time of each is spent waiting for the apiserver.
	workers = 20
	// absentKept is how many absent owners are remembered, so that a thousand dependents of one don't ask for it a thousand times.
	absentKept = 500
	// syncTimeout is how long the collector waits at first for the slowest of its informers. Then it begins with what needs no graph.
	syncTimeout = 30 * time.Second
	// unsyncedWait is how soon what needs the whole graph is tried again while an informer has not shown all it has.
	unsyncedWait = 5 * time.Second
)

// Controller looks at one object at a time and deletes it, frees it of owners that are gone, or lets it go.
type Controller struct {
	env      *controller.Env
	recorder record.EventRecorder
	graph    *graph
	monitors *controller.Monitors
	loop     *controller.Loop
	absent   *lru.Cache // of ownerKey

	started atomic.Bool // the first set of monitors is known
}

// New returns the garbage collector. It needs all of Env but the shared informers; Env.Discovery must not answer from a cache.
func New(env *controller.Env) controller.Runner { return newController(env) }

func newController(env *controller.Env) *Controller {
	c := &Controller{env: env, recorder: env.Recorder("garbage-collector-controller"), graph: newGraph(), absent: lru.New(absentKept)}
	c.monitors = controller.NewMonitors(env.Metadata, c.handler)
	began := env.Clock.Now()
	c.loop = controller.NewLoop("garbagecollector", workers, c.look, func() bool {
		// One resource that cannot be listed must not stop everything. What the graph lacks lets nothing be deleted, for absent owners
		// are asked of the apiserver; but it may lack dependents, and what waits for those goes on waiting.
		return c.started.Load() && (c.monitors.Synced() || env.Clock.Since(began) > syncTimeout)
	})
	return c
}

// Run implements controller.Runner.
func (c *Controller) Run(ctx context.Context) {
	controller.Runners{controller.RunFunc(c.discover), c.loop}.Run(ctx)
}

func (c *Controller) handler(resource schema.GroupVersionResource) cache.ResourceEventHandler {
	put := func(obj any) {
		if o, ok := obj.(*metav1.PartialObjectMetadata); ok {
			c.enqueue(c.graph.put(nodeOf(resource, o)))
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, obj any) { put(obj) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if o, ok := obj.(*metav1.PartialObjectMetadata); ok {
				c.enqueue(c.graph.remove(o.UID))
			}
		},
	}
}

func (c *Controller) enqueue(look []types.UID) {
	for _, uid := range look {
		c.loop.Add(string(uid))
	}
}

// client returns the client for a node's resource in its namespace.
func (c *Controller) client(n *node) metadata.ResourceInterface {
	if n.namespace == "" {
		return c.env.Metadata.Resource(n.resource)
	}
	return c.env.Metadata.Resource(n.resource).Namespace(n.namespace)
}

// live reads an object from the apiserver; nil if it is gone, even if there is another by its name now.
func (c *Controller) live(ctx context.Context, n *node) (*metav1.PartialObjectMetadata, error) {
	o, err := c.client(n).Get(ctx, n.name, metav1.GetOptions{})
	switch {
	case saysAbsent(err, n.name):
		return nil, nil
	case apierrors.IsNotFound(err): // the resource is not served there any more, or not yet: what the mapper knows is old
		c.env.Mapper.Reset()
		return nil, fmt.Errorf("read %s %s/%s: %w", n.resource.Resource, n.namespace, n.name, err)
	case err != nil:
		return nil, fmt.Errorf("read %s %s/%s: %w", n.resource.Resource, n.namespace, n.name, err)
	case o.UID != n.uid:
		return nil, nil
	}
	return o, nil
}

// saysAbsent tells that an apiserver looked for an object of a name and has none. One that does not know the resource says 404 too.
func saysAbsent(err error, name string) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || apierrors.IsUnexpectedServerError(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Name == name
}

// look is the sync of one object.
func (c *Controller) look(ctx context.Context, key string) error {
	n := c.graph.get(types.UID(key))
	if n == nil || (n.deleting && !n.waiting && !n.orphans) {
		return nil
	}
	if !n.deleting && len(n.owners) > 0 && c.allStay(n) {
		return nil // most looks end here, without a request
	}
	o, err := c.live(ctx, n)
	if err != nil {
		return err
	}
	switch {
	case o == nil:
		c.enqueue(c.graph.remove(n.uid)) // the informer will tell the same
		return nil
	case o.DeletionTimestamp == nil:
		return c.judge(ctx, n, o)
	case !c.monitors.Synced():
		return controller.Later(unsyncedWait) // dependents may be missing from the graph
	case slices.Contains(o.Finalizers, metav1.FinalizerOrphanDependents):
		return c.orphan(ctx, n, o)
	case slices.Contains(o.Finalizers, metav1.FinalizerDeleteDependents):
		return c.wait(ctx, n, o)
	}
	return nil
}

// wait lets an object that is deleted in the foreground go when no dependent keeps it any more.
func (c *Controller) wait(ctx context.Context, n *node, o *metav1.PartialObjectMetadata) error {
	free := true
	for _, d := range c.graph.dependentsOf(n.uid) {
		if d.blocks(n.uid) {
			free = false
			if !d.waiting {
				c.loop.Add(string(d.uid))
			}
		}
	}
	if !free {
		return nil
	}
	return c.dropFinalizer(ctx, n, o, metav1.FinalizerDeleteDependents)
}

// orphan takes an owner off all its dependents, then lets it go.
func (c *Controller) orphan(ctx context.Context, n *node, o *metav1.PartialObjectMetadata) error {
	for _, d := range c.graph.dependentsOf(n.uid) {
		dependent, err := c.live(ctx, d)
		if err != nil {
			return err
		}
		if dependent == nil {
			continue
		}
		if err := c.dropOwners(ctx, d, dependent, []types.UID{n.uid}); err != nil {
			return err
		}
	}
	return c.dropFinalizer(ctx, n, o, metav1.FinalizerOrphanDependents)
}
