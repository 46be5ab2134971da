package garbagecollector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata/fake"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// world is an apiserver of metadata: deletions go by policies and finalizers as they do in a real one. Objects are written
// "resource/name", with "@namespace" if that is not the usual one; the UID is the same text.
type world struct {
	t    *testing.T
	meta *fake.FakeMetadataClient
	env  *controllertest.Cluster
	c    *Controller

	resets atomic.Int64 // of the mapper

	mu     sync.Mutex
	served []*metav1.APIResourceList
	// failed makes discovery fail for a group version.
	failed map[schema.GroupVersion]error
}

var verbs = metav1.Verbs{"create", "delete", "get", "list", "patch", "update", "watch"}

// kinds are what there may be; widgets are served only if a test says so.
var kinds = map[string]schema.GroupVersionKind{
	"deployments": {Group: "apps", Version: "v1", Kind: "Deployment"}, "replicasets": {Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	"pods": {Version: "v1", Kind: "Pod"}, "nodes": {Version: "v1", Kind: "Node"}, "widgets": {Group: "example.com", Version: "v1", Kind: "Widget"},
}

var (
	coreList   = resources("v1", "pods", "nodes", "events")
	appsList   = resources("apps/v1", "deployments", "replicasets")
	widgetList = resources("example.com/v1", "widgets")
)

func resources(groupVersion string, names ...string) *metav1.APIResourceList {
	l := &metav1.APIResourceList{GroupVersion: groupVersion}
	for _, name := range names {
		l.APIResources = append(l.APIResources, metav1.APIResource{Name: name, Namespaced: name != "nodes", Verbs: verbs})
	}
	return l
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, env: controllertest.New(t), served: []*metav1.APIResourceList{coreList, appsList}}
	scheme := fake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	w.meta = fake.NewSimpleMetadataClient(scheme)
	w.meta.PrependReactor("delete", "*", w.delete)
	w.meta.PrependReactor("patch", "*", w.patch)
	w.env.Metadata, w.env.Discovery, w.env.Mapper = w.meta, discoverer{world: w}, mapper{world: w}
	w.c = newController(w.env.Env)
	return w
}

type discoverer struct {
	discovery.ServerResourcesInterface
	*world
}

func (d discoverer) ServerPreferredResources() ([]*metav1.APIResourceList, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return d.served, &discovery.ErrGroupDiscoveryFailed{Groups: d.failed}
	}
	return d.served, nil
}

func (w *world) serve(lists ...*metav1.APIResourceList) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.served = lists
}

// mapper knows the kinds that are served now.
type mapper struct {
	meta.RESTMapper
	*world
}

func (m mapper) Reset() { m.resets.Add(1) }

func (m mapper) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for resource, gvk := range kinds {
		served := slices.ContainsFunc(m.served, func(l *metav1.APIResourceList) bool { return l.GroupVersion == gvk.GroupVersion().String() })
		if gvk.GroupKind() == kind && served {
			scope := meta.RESTScopeNamespace
			if resource == "nodes" {
				scope = meta.RESTScopeRoot
			}
			return &meta.RESTMapping{Resource: gvk.GroupVersion().WithResource(resource), GroupVersionKind: gvk, Scope: scope}, nil
		}
	}
	return nil, &meta.NoKindMatchError{GroupKind: kind, SearchedVersions: versions}
}

func (m mapper) KindFor(r schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	return kinds[r.Resource], nil
}

func parse(s string) (gvr schema.GroupVersionResource, namespace, name string) {
	path, namespace, given := strings.Cut(s, "@")
	resource, name, _ := strings.Cut(path, "/")
	if !given && resource != "nodes" {
		namespace = "ns"
	}
	return kinds[resource].GroupVersion().WithResource(resource), namespace, name
}

// ref is a reference to an owner; one with "!" at its end blocks the owner's deletion.
func ref(owner string) metav1.OwnerReference {
	id, blocks := strings.CutSuffix(owner, "!")
	gvr, _, name := parse(id)
	gvk := kinds[gvr.Resource]
	return metav1.OwnerReference{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: name, UID: types.UID(id), BlockOwnerDeletion: ptr.To(blocks)}
}

// add creates an object: "pods/p <- replicasets/r! deployments/d".
func (w *world) add(lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		id, owners, _ := strings.Cut(line, " <- ")
		gvr, namespace, name := parse(id)
		o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(id)}}
		for _, owner := range strings.Fields(owners) {
			o.OwnerReferences = append(o.OwnerReferences, ref(owner))
		}
		require.NoError(w.t, w.meta.Tracker().Create(gvr, o, namespace))
	}
}

// run starts the collector until the test ends.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.c.Run(ctx) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (w *world) userDeletes(id string, how metav1.DeletionPropagation) {
	gvr, namespace, name := parse(id)
	require.NoError(w.t, w.meta.Resource(gvr).Namespace(namespace).Delete(context.Background(), name, metav1.DeleteOptions{PropagationPolicy: &how}))
}

func (w *world) get(gvr schema.GroupVersionResource, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	obj, err := w.meta.Tracker().Get(gvr, namespace, name)
	if err != nil {
		return nil, err
	}
	return obj.(*metav1.PartialObjectMetadata).DeepCopy(), nil
}

func (w *world) delete(action core.Action) (bool, runtime.Object, error) {
	a := action.(core.DeleteActionImpl)
	o, err := w.get(a.Resource, a.Namespace, a.Name)
	if err != nil {
		return true, nil, err
	}
	if p := a.DeleteOptions.Preconditions; p != nil && *p.UID != o.UID {
		return true, nil, fmt.Errorf("deleted %s instead of %s", o.UID, *p.UID)
	}
	if how := a.DeleteOptions.PropagationPolicy; how != nil {
		switch *how {
		case metav1.DeletePropagationForeground:
			o.Finalizers = append(o.Finalizers, metav1.FinalizerDeleteDependents)
		case metav1.DeletePropagationOrphan:
			o.Finalizers = append(o.Finalizers, metav1.FinalizerOrphanDependents)
		}
	}
	o.DeletionTimestamp = ptr.To(metav1.NewTime(controllertest.Epoch))
	return true, nil, w.store(a.Resource, o)
}

// store updates an object, which ends when it is to be deleted and nothing holds it.
func (w *world) store(gvr schema.GroupVersionResource, o *metav1.PartialObjectMetadata) error {
	if o.DeletionTimestamp != nil && len(o.Finalizers) == 0 {
		return w.meta.Tracker().Delete(gvr, o.Namespace, o.Name)
	}
	return w.meta.Tracker().Update(gvr, o, o.Namespace)
}

func (w *world) patch(action core.Action) (bool, runtime.Object, error) {
	handled, obj, err := core.ObjectReaction(w.meta.Tracker())(action)
	if o, ok := obj.(*metav1.PartialObjectMetadata); ok && err == nil {
		err = w.store(action.GetResource(), o)
	}
	return handled, obj, err
}

// state is what there is: "pods/p <- replicasets/r", in order; "(deleting)" after what is held by finalizers.
func (w *world) state() []string {
	state := []string{}
	for resource, gvk := range kinds {
		list, err := w.meta.Resource(gvk.GroupVersion().WithResource(resource)).List(context.Background(), metav1.ListOptions{})
		require.NoError(w.t, err)
		for _, o := range list.Items {
			line := string(o.UID)
			if len(o.OwnerReferences) > 0 {
				line += " <-"
			}
			for _, r := range o.OwnerReferences {
				line += " " + string(r.UID)
			}
			if o.DeletionTimestamp != nil {
				line += " (deleting)"
			}
			state = append(state, line)
		}
	}
	slices.Sort(state)
	return state
}

// becomes waits for a state.
func (w *world) becomes(want ...string) {
	w.t.Helper()
	if want == nil {
		want = []string{}
	}
	slices.Sort(want)
	require.EventuallyWithT(w.t, func(t *assert.CollectT) { require.Equal(t, want, w.state()) }, 3*time.Second, 5*time.Millisecond)
}
