package controller_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/controller"
)

func TestMonitors(t *testing.T) {
	pods, secrets := v1.SchemeGroupVersion.WithResource("pods"), v1.SchemeGroupVersion.WithResource("secrets")
	scheme := fake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	client := fake.NewSimpleMetadataClient(scheme)
	add := func(of schema.GroupVersionResource, namespace, name string) {
		require.NoError(t, client.Tracker().Create(of, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: "u", Finalizers: []string{"f"}, Labels: map[string]string{"large": "one"},
		}}, namespace))
	}
	add(pods, "a", "p")
	add(pods, "b", "p")
	add(secrets, "a", "s")

	seen := make(chan *metav1.PartialObjectMetadata, 10)
	m := controller.NewMonitors(client, func(of schema.GroupVersionResource) cache.ResourceEventHandler {
		return cache.ResourceEventHandlerFuncs{AddFunc: func(obj any) {
			if of == pods {
				seen <- obj.(*metav1.PartialObjectMetadata)
			}
		}}
	})
	count := func(of schema.GroupVersionResource, namespace string, want int) {
		t.Helper()
		require.Eventually(t, func() bool {
			n, ok := m.Count(of, namespace)
			return ok && n == want
		}, 10*time.Second, 5*time.Millisecond)
	}
	m.Set(t.Context(), sets.New(pods))
	count(pods, "a", 1)
	require.Eventually(t, m.Synced, 10*time.Second, 5*time.Millisecond)
	o := <-seen
	require.Equal(t, []string{"f"}, o.Finalizers)
	require.Empty(t, o.Labels, "only what is needed is kept")

	_, known := m.Count(secrets, "a")
	require.False(t, known)
	m.Set(t.Context(), sets.New(pods, secrets))
	count(secrets, "a", 1)
	add(pods, "a", "q")
	count(pods, "a", 2)

	m.Set(t.Context(), sets.New(secrets))
	require.Equal(t, sets.New(secrets), m.Running())
	_, known = m.Count(pods, "a")
	require.False(t, known)
}
