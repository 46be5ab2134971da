package controllertest

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Epoch is the time when a cluster is made.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Cluster is a fake apiserver with what a controller needs to work on it.
type Cluster struct {
	*controller.Env
	Fake  *fake.Clientset
	Clock *clocktesting.FakeClock

	t      testing.TB
	events *record.FakeRecorder
	serial atomic.Int64
}

// New returns a cluster that holds objects. Its caches are empty until Refresh or Start.
func New(t testing.TB, objects ...runtime.Object) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Fake: fake.NewSimpleClientset(), Clock: clocktesting.NewFakeClock(Epoch), events: record.NewFakeRecorder(1000)}
	c.Fake.PrependReactor("create", "*", c.nameAndUID)
	for _, obj := range objects {
		require.NoError(t, c.Fake.Tracker().Add(obj))
	}
	c.Env = &controller.Env{
		Client: c.Fake, Clock: c.Clock, Events: broadcaster{recorder: c.events},
		Informers: informers.NewSharedInformerFactory(c.Fake, 0),
	}
	return c
}

// nameAndUID does what the apiserver does when it stores a new object.
func (c *Cluster) nameAndUID(action core.Action) (bool, runtime.Object, error) {
	create, ok := action.(core.CreateAction)
	if !ok {
		return false, nil, nil
	}
	obj, err := meta.Accessor(create.GetObject())
	if err != nil {
		return false, nil, nil // not an object of its own: a binding, for instance
	}
	n := c.serial.Add(1)
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		obj.SetName(fmt.Sprintf("%s%d", obj.GetGenerateName(), n))
	}
	if obj.GetUID() == "" {
		obj.SetUID(types.UID(fmt.Sprintf("made-%d", n)))
	}
	return false, nil, nil
}

// kinds are the kinds that Refresh knows.
var kinds = []schema.GroupVersionKind{
	v1.SchemeGroupVersion.WithKind("Pod"), v1.SchemeGroupVersion.WithKind("Node"), v1.SchemeGroupVersion.WithKind("Service"),
	v1.SchemeGroupVersion.WithKind("Endpoints"), v1.SchemeGroupVersion.WithKind("Namespace"),
	v1.SchemeGroupVersion.WithKind("ServiceAccount"), v1.SchemeGroupVersion.WithKind("Secret"),
	v1.SchemeGroupVersion.WithKind("ConfigMap"), v1.SchemeGroupVersion.WithKind("PersistentVolume"),
	v1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), v1.SchemeGroupVersion.WithKind("ReplicationController"),
	{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"}, {Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
	{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, {Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"},
}

// Refresh makes the caches show what the apiserver holds. Event handlers are not called.
func (c *Cluster) Refresh() {
	c.t.Helper()
	for _, gvk := range kinds {
		gvr, _ := meta.UnsafeGuessKindToResource(gvk)
		if gvk.Kind == "Endpoints" {
			gvr.Resource = "endpoints"
		}
		list, err := c.Fake.Tracker().List(gvr, gvk, "")
		require.NoError(c.t, err)
		objs, err := meta.ExtractList(list)
		require.NoError(c.t, err)
		items := make([]any, 0, len(objs))
		for _, obj := range objs {
			items = append(items, obj.DeepCopyObject())
		}
		informer, err := c.Informers.ForResource(gvr)
		require.NoError(c.t, err)
		require.NoError(c.t, informer.Informer().GetIndexer().Replace(items, ""))
	}
}

// Start runs the informers and r until the test ends.
func (c *Cluster) Start(r controller.Runner) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	c.Informers.Start(ctx.Done())
	synced := c.Informers.WaitForCacheSync(ctx.Done())
	for kind, ok := range synced {
		require.True(c.t, ok, kind)
	}
	// The fake apiserver has no past: what changes between an informer's list and its watch is never told.
	c.Eventually(func() bool { return c.watched() >= len(synced) }, "watches")
	running.Go(func() { r.Run(ctx) })
	c.t.Cleanup(func() {
		cancel()
		running.Wait()
		c.Informers.Shutdown()
	})
}

// watched counts the resources that are being watched.
func (c *Cluster) watched() int {
	resources := map[schema.GroupVersionResource]bool{}
	for _, a := range c.Fake.Actions() {
		if a.GetVerb() == "watch" {
			resources[a.GetResource()] = true
		}
	}
	return len(resources)
}

// Eventually waits for a condition.
func (c *Cluster) Eventually(condition func() bool, why string) {
	c.t.Helper()
	require.Eventually(c.t, condition, 10*time.Second, 5*time.Millisecond, why)
}

// Events returns the events since the last call, each as "Type Reason message".
func (c *Cluster) Events() []string {
	var events []string
	for {
		select {
		case e := <-c.events.Events:
			events = append(events, e)
		default:
			return events
		}
	}
}

// Writes returns the requests since the last call that change something, each as "verb resource[/subresource] [namespace/]name". The
// name is the one that was sent: that of an object which leaves it to the apiserver ends in "-".
func (c *Cluster) Writes() []string {
	var writes []string
	for _, a := range c.Fake.Actions() {
		if w := written(a); w != "" {
			writes = append(writes, w)
		}
	}
	c.Fake.ClearActions()
	return writes
}

func written(a core.Action) string {
	var name string
	switch a := a.(type) {
	case core.CreateActionImpl:
		name = nameOf(a.GetObject())
	case core.UpdateActionImpl:
		name = nameOf(a.GetObject())
	case core.PatchActionImpl:
		name = a.GetName()
	case core.DeleteActionImpl:
		name = a.GetName()
	default:
		return ""
	}
	if ns := a.GetNamespace(); ns != "" {
		name = ns + "/" + name
	}
	resource := a.GetResource().Resource
	if sub := a.GetSubresource(); sub != "" {
		resource += "/" + sub
	}
	return a.GetVerb() + " " + resource + " " + name
}

func nameOf(obj runtime.Object) string {
	m, err := meta.Accessor(obj)
	if err != nil {
		return "?"
	}
	return cmp.Or(m.GetName(), m.GetGenerateName())
}

// broadcaster hands out one recorder, which keeps what is written to it.
type broadcaster struct {
	record.EventBroadcaster
	recorder *record.FakeRecorder
}

// NewRecorder implements record.EventBroadcaster.
func (b broadcaster) NewRecorder(*runtime.Scheme, v1.EventSource) record.EventRecorderLogger {
	return b.recorder
}
