package resourcequota

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata/fake"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// mapper knows the resources that are served in the tests.
type mapper struct{ *meta.DefaultRESTMapper }

func (mapper) Reset() {}

type script struct {
	*controllertest.Cluster
	t    *testing.T
	meta *fake.FakeMetadataClient
}

var (
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

func newScript(t *testing.T, objects ...runtime.Object) *script {
	s := &script{Cluster: controllertest.New(t, objects...), t: t}
	scheme := fake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	s.meta = fake.NewSimpleMetadataClient(scheme)
	m := mapper{meta.NewDefaultRESTMapper(nil)}
	m.Add(schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, meta.RESTScopeNamespace)
	m.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
	s.Metadata, s.Mapper = s.meta, m
	return s
}

// add creates an object of which only the metadata counts.
func (s *script) add(of schema.GroupVersionResource, namespace, name string) {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	require.NoError(s.t, s.meta.Tracker().Create(of, o, namespace))
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "ns", Name: name} }

func quotaOf(hard ...string) *corev1.ResourceQuota {
	q := &corev1.ResourceQuota{ObjectMeta: named("q"), Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	for _, name := range hard {
		q.Spec.Hard[corev1.ResourceName(name)] = resource.MustParse("10")
	}
	return q
}

func pod(name, memory string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: named(name), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
	if memory != "" {
		p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{"memory": resource.MustParse(memory)}
	}
	if change != nil {
		change(p)
	}
	return p
}

// used is the status of the quota as text.
func (s *script) used() map[string]string {
	q, err := s.Fake.CoreV1().ResourceQuotas("ns").Get(context.Background(), "q", metav1.GetOptions{})
	require.NoError(s.t, err)
	m := map[string]string{}
	for name, amount := range q.Status.Used {
		m[string(name)] = amount.String()
	}
	return m
}

// becomes runs the controller until the quota says what it shall.
func (s *script) becomes(want map[string]string) {
	s.t.Helper()
	s.Eventually(func() bool {
		got := s.used()
		if len(got) != len(want) {
			return false
		}
		for name, amount := range want {
			if got[name] != amount {
				return false
			}
		}
		return true
	}, "used")
}

func TestCounts(t *testing.T) {
	over := func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
	other := pod("c", "1Gi", nil)
	other.Namespace = "other"
	s := newScript(t, quotaOf("pods", "count/pods", "requests.memory", "limits.cpu", "services", "services.nodeports", "requests.storage",
		"secrets", "count/secrets", "count/deployments.apps", "count/widgets.example.com", "made.up"),
		pod("a", "64Mi", nil), pod("b", "64Mi", nil), pod("over", "1Gi", over), other,
		&corev1.Service{ObjectMeta: named("s"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{}, {}}}},
		&corev1.PersistentVolumeClaim{ObjectMeta: named("v"), Spec: corev1.PersistentVolumeClaimSpec{
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("3Gi")}}}},
	)
	s.add(secrets, "ns", "a")
	s.add(secrets, "ns", "b")
	s.add(secrets, "other", "a")
	s.add(deployments, "ns", "d")
	s.Start(New(s.Env))
	want := map[string]string{
		"pods": "2", "count/pods": "3", "requests.memory": "128Mi", "limits.cpu": "0", "services": "1", "services.nodeports": "2",
		"requests.storage": "3Gi", "secrets": "2", "count/secrets": "2", "count/deployments.apps": "1", "count/widgets.example.com": "0", "made.up": "0",
	}
	s.becomes(want)
	q, err := s.Fake.CoreV1().ResourceQuotas("ns").Get(t.Context(), "q", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, q.Spec.Hard, q.Status.Hard)

	// What goes or ends is taken off at once.
	require.NoError(t, s.Fake.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod("b", "64Mi", over), "ns"))
	require.NoError(t, s.Fake.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("services"), "ns", "s"))
	require.NoError(t, s.meta.Tracker().Delete(secrets, "ns", "a"))
	want["pods"], want["requests.memory"], want["services"], want["services.nodeports"] = "1", "64Mi", "0", "0"
	want["secrets"], want["count/secrets"] = "1", "1"
	s.becomes(want)

	// What comes was charged by admission; where there is none the resync tells.
	require.NoError(t, s.Fake.Tracker().Create(corev1.SchemeGroupVersion.WithResource("pods"), pod("new", "64Mi", nil), "ns"))
	s.Eventually(func() bool {
		_, err := s.Informers.Core().V1().Pods().Lister().Pods("ns").Get("new")
		return err == nil
	}, "seen")
	require.Equal(t, "1", s.used()["pods"])
	s.Eventually(s.Clock.HasWaiters, "waits")
	s.Clock.Step(resync)
	want["pods"], want["count/pods"], want["requests.memory"] = "2", "4", "128Mi"
	s.becomes(want)
}

func TestScopes(t *testing.T) {
	q := quotaOf("pods", "count/secrets")
	q.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopeTerminating}
	dying := func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](1) }
	s := newScript(t, q, pod("a", "1Gi", dying), pod("b", "1Gi", nil), pod("c", "", dying))
	s.add(secrets, "ns", "a")
	s.Start(New(s.Env))
	s.becomes(map[string]string{"pods": "1", "count/secrets": "0"})
}

func TestMonitorsWhatIsNamed(t *testing.T) {
	s := newScript(t)
	c := newController(s.Env)
	indexer := s.Informers.Core().V1().ResourceQuotas().Informer().GetIndexer()
	require.NoError(t, indexer.Add(quotaOf("count/secrets", "count/pods", "count/secret", "pods")))
	require.NoError(t, c.watch(t.Context()))
	require.Equal(t, []schema.GroupVersionResource{secrets}, c.monitors.Running().UnsortedList())
	require.NoError(t, indexer.Replace(nil, ""))
	require.NoError(t, c.watch(t.Context()))
	require.Empty(t, c.monitors.Running())

	_, err := c.count(quotaOf("secrets"))
	require.EqualError(t, err, "again in 1s", "not known yet")
}
