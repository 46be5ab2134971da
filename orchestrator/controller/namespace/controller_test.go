package namespace

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata/fake"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// served is what the apiserver of the tests has; err is what it says beside that.
type served struct {
	discovery.ServerResourcesInterface
	lists []*metav1.APIResourceList
	err   error
}

func (s *served) ServerPreferredNamespacedResources() ([]*metav1.APIResourceList, error) {
	return s.lists, s.err
}

type script struct {
	*controllertest.Cluster
	meta *fake.FakeMetadataClient
	api  *served
	c    *Controller
}

func newScript(t *testing.T, ns *corev1.Namespace) *script {
	all := metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "watch"}
	s := &script{Cluster: controllertest.New(t, ns)}
	s.api = &served{lists: []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "bindings", Verbs: metav1.Verbs{"create"}}, {Name: "configmaps", Verbs: all}, {Name: "pods", Verbs: all}, {Name: "pods/status", Verbs: all},
		}},
		{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{{Name: "widgets", Verbs: metav1.Verbs{"delete", "list"}}}},
	}}
	scheme := fake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	s.meta = fake.NewSimpleMetadataClient(scheme)
	s.meta.PrependReactor("delete-collection", "*", s.deleteCollection)
	s.Metadata, s.Discovery = s.meta, s.api
	s.c = newController(s.Env)
	return s
}

// deleteCollection deletes what has no finalizer, as an apiserver does.
func (s *script) deleteCollection(a core.Action) (bool, runtime.Object, error) {
	// By the tracker: the client would wait for the very call that we are in.
	list, err := s.meta.Tracker().List(a.GetResource(), schema.GroupVersionKind{Group: "fake-metadata-client-group", Version: "v1"}, a.GetNamespace())
	if err != nil {
		return true, nil, err
	}
	err = meta.EachListItem(list, func(obj runtime.Object) error {
		o, err := meta.Accessor(obj)
		if err != nil || len(o.GetFinalizers()) > 0 {
			return err
		}
		return s.meta.Tracker().Delete(a.GetResource(), a.GetNamespace(), o.GetName())
	})
	return true, nil, err
}

func (s *script) add(t *testing.T, resource schema.GroupVersionResource, namespace, name string, finalizers ...string) {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: finalizers}}
	require.NoError(t, s.meta.Tracker().Create(resource, o, namespace))
}

func (s *script) left(t *testing.T, resource schema.GroupVersionResource, namespace string) int {
	list, err := s.meta.Resource(resource).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	return len(list.Items)
}

func (s *script) namespace(t *testing.T) *corev1.Namespace {
	ns, err := s.Fake.CoreV1().Namespaces().Get(t.Context(), "ns", metav1.GetOptions{})
	require.NoError(t, err)
	return ns
}

// messages are those of the conditions that are true.
func messages(ns *corev1.Namespace) map[string]string {
	m := map[string]string{}
	for _, c := range ns.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			m[c.Reason] = c.Message
		}
	}
	return m
}

func terminating() *corev1.Namespace {
	return &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "ns", UID: "1", DeletionTimestamp: ptr.To(metav1.NewTime(controllertest.Epoch.Add(-time.Minute)))},
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"example.com/other", corev1.FinalizerKubernetes}},
		Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating},
	}
}

var (
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	widgets    = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
)

func TestEmptiesAndFinalizes(t *testing.T) {
	s := newScript(t, terminating())
	for _, r := range []schema.GroupVersionResource{pods, configMaps, widgets} {
		s.add(t, r, "ns", "a")
		s.add(t, r, "ns", "b")
		s.add(t, r, "other", "a")
	}
	s.Start(s.c.loop)
	s.Eventually(func() bool { return len(s.namespace(t).Spec.Finalizers) == 1 }, "finalized")
	require.Equal(t, []corev1.FinalizerName{"example.com/other"}, s.namespace(t).Spec.Finalizers)
	for _, r := range []schema.GroupVersionResource{pods, configMaps, widgets} {
		require.Zero(t, s.left(t, r, "ns"), r)
		require.Equal(t, 1, s.left(t, r, "other"), r)
	}
	require.Empty(t, messages(s.namespace(t)))
	require.Len(t, s.namespace(t).Status.Conditions, 5)
	require.Contains(t, s.Writes(), "create namespaces/finalize ns")
}

func TestLeavesOthersAlone(t *testing.T) {
	living := terminating()
	living.DeletionTimestamp = nil
	s := newScript(t, living)
	s.add(t, configMaps, "ns", "a")
	require.NoError(t, s.c.sync(t.Context(), "ns"))
	require.NoError(t, s.c.sync(t.Context(), "none"))
	require.Equal(t, 1, s.left(t, configMaps, "ns"))
	require.Empty(t, s.Writes())
}

func TestPodsFirst(t *testing.T) {
	s := newScript(t, terminating())
	s.add(t, pods, "ns", "p", "example.com/hold", "example.com/other")
	s.add(t, pods, "ns", "q", "example.com/hold")
	s.add(t, configMaps, "ns", "a")
	require.ErrorContains(t, s.c.sync(t.Context(), "ns"), "again in 5s")
	require.Equal(t, 1, s.left(t, configMaps, "ns"))
	require.Equal(t, map[string]string{
		"SomeResourcesRemain":  "Some resources are remaining: pods. has 2 resource instances",
		"SomeFinalizersRemain": "Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances, example.com/other in 1 resource instances",
	}, messages(s.namespace(t)))

	for _, name := range []string{"p", "q"} {
		require.NoError(t, s.meta.Tracker().Delete(pods, "ns", name))
	}
	require.NoError(t, s.c.sync(t.Context(), "ns"))
	require.Zero(t, s.left(t, configMaps, "ns"))
	require.Empty(t, messages(s.namespace(t)))
}

func TestFailures(t *testing.T) {
	s := newScript(t, terminating())
	s.add(t, configMaps, "ns", "a")
	s.api.err = &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{{Group: "metrics", Version: "v1"}: errors.New("down")}}
	broken := true
	s.meta.PrependReactor("list", "widgets", func(core.Action) (bool, runtime.Object, error) {
		if broken {
			return true, nil, errors.New("no storage")
		}
		return false, nil, nil
	})
	require.Error(t, s.c.sync(t.Context(), "ns"))
	require.Zero(t, s.left(t, configMaps, "ns"), "what can be done is done")
	require.Equal(t, map[string]string{
		"DiscoveryFailed":       "Discovery failed for some groups, 1 failing: metrics/v1: down",
		"ContentDeletionFailed": "Failed to delete all resource types, 1 remaining: widgets.example.com: no storage",
	}, messages(s.namespace(t)))

	broken = false
	require.Error(t, s.c.sync(t.Context(), "ns"), "nobody knows what is in the other group")
	require.Len(t, s.namespace(t).Spec.Finalizers, 2)
	s.api.err = nil
	require.NoError(t, s.c.sync(t.Context(), "ns"))
	require.Len(t, s.namespace(t).Spec.Finalizers, 1)
}

func TestOwnWritesAreNoNews(t *testing.T) {
	living, leaving, told, replaced := terminating(), terminating(), terminating(), terminating()
	living.DeletionTimestamp = nil
	told.Status.Conditions = []corev1.NamespaceCondition{{Type: corev1.NamespaceContentRemaining}}
	replaced.UID = "2"
	for name, tc := range map[string]struct {
		old, is *corev1.Namespace
		queued  int
	}{
		"it is deleted":           {living, leaving, 1},
		"its status is written":   {leaving, told, 0},
		"another takes its place": {leaving, replaced, 1},
		"a living one is written": {living, living, 0},
	} {
		c := newScript(t, leaving).c
		c.changed(tc.old, tc.is)
		require.Equal(t, tc.queued, c.loop.Len(), name)
	}
}

func TestConditionTimes(t *testing.T) {
	var all []corev1.NamespaceCondition
	at := func(s int) metav1.Time {
		return metav1.NewTime(controllertest.Epoch.Add(time.Duration(s) * time.Second))
	}
	bad := condition("T", "Good", "all good", "Bad", "one left")
	require.True(t, set(&all, bad, at(0)))
	require.False(t, set(&all, bad, at(1)))
	bad.Message = "two left"
	require.True(t, set(&all, bad, at(2)))
	require.Equal(t, at(0), all[0].LastTransitionTime)
	require.True(t, set(&all, condition("T", "Good", "all good", "Bad", ""), at(3)))
	require.Equal(t, at(3), all[0].LastTransitionTime)
	require.Len(t, all, 1)
}
