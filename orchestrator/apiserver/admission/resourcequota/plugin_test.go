package resourcequota

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

// list makes a list of pairs.
func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func quotaOf(name string, hard, used corev1.ResourceList) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: "1"},
		Spec:       corev1.ResourceQuotaSpec{Hard: hard}, Status: corev1.ResourceQuotaStatus{Hard: hard, Used: used},
	}
}

func pod(cpu string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
	if cpu != "" {
		p.Spec.Containers[0].Resources.Requests = list("cpu", cpu)
	}
	return p
}

func service(typ corev1.ServiceType) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"},
		Spec:       corev1.ServiceSpec{Type: typ, Ports: []corev1.ServicePort{{Port: 1}, {Port: 2}}},
	}
}

// compareAndSwap makes the fake refuse stale updates of quotas, as an apiserver does.
func compareAndSwap(client *fake.Clientset) {
	var mu sync.Mutex
	version := 1
	client.PrependReactor("update", "resourcequotas", func(action clienttesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		q := action.(clienttesting.UpdateAction).GetObject().(*corev1.ResourceQuota).DeepCopy()
		if q.ResourceVersion != strconv.Itoa(version) {
			return true, nil, apierrors.NewConflict(corev1.Resource("resourcequotas"), q.Name, errors.New("stale"))
		}
		version++
		q.ResourceVersion = strconv.Itoa(version)
		return true, q, client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("resourcequotas"), q, q.Namespace)
	})
}

func used(t *testing.T, client *fake.Clientset, name string) string {
	t.Helper()
	q, err := client.CoreV1().ResourceQuotas("ns").Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return show(q.Status.Used)
}

func TestCharge(t *testing.T) {
	type request = admissiontest.Request
	besteffort := quotaOf("q", list("pods", "1"), list("pods", "1"))
	besteffort.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeBestEffort}
	fresh := quotaOf("q", list("pods", "0"), nil)
	fresh.Status = corev1.ResourceQuotaStatus{}
	for name, tc := range map[string]struct {
		quota *corev1.ResourceQuota
		request
		err  string
		used string
	}{
		"room":         {quotaOf("q", list("pods", "2"), list("pods", "1")), request{Object: pod("")}, "", "pods=2"},
		"none":         {quotaOf("q", list("pods", "1"), list("pods", "1")), request{Object: pod("")}, `pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`, "pods=1"},
		"of cpu":       {quotaOf("q", list("cpu", "1", "pods", "5"), list("cpu", "500m", "pods", "0")), request{Object: pod("600m")}, "exceeded quota: q, requested: cpu=600m, used: cpu=500m, limited: cpu=1", "cpu=500m,pods=0"},
		"says no cpu":  {quotaOf("q", list("cpu", "1"), list("cpu", "0")), request{Object: pod("")}, "failed quota: q: must specify cpu for: c", "cpu=0"},
		"dry run":      {quotaOf("q", list("pods", "2"), list("pods", "1")), request{Object: pod(""), DryRun: true}, "", "pods=1"},
		"dry, no room": {quotaOf("q", list("pods", "1"), list("pods", "1")), request{Object: pod(""), DryRun: true}, "exceeded quota: q", "pods=1"},
		"count/":       {quotaOf("q", list("count/services", "1"), list("count/services", "0")), request{Object: service("ClusterIP")}, "", "count/services=1"},
		"not limited":  {quotaOf("q", list("secrets", "0"), list("secrets", "0")), request{Object: pod("")}, "", "secrets=0"},
		"out of scope": {besteffort, request{Object: pod("1")}, "", "pods=1"},
		"in scope":     {besteffort, request{Object: pod("")}, "exceeded quota", "pods=1"},
		"not known":    {quotaOf("q", list("pods", "2"), nil), request{Object: pod("")}, "status unknown for quota: q, resources: pods", ""},
		"unsynced":     {fresh, request{Object: pod("")}, "", ""},
		"update, more": {quotaOf("q", list("services", "1", "services.nodeports", "2"), list("services", "1", "services.nodeports", "0")), request{Object: service("NodePort"), Old: service("ClusterIP")}, "", "services=1,services.nodeports=2"},
		"update, less": {quotaOf("q", list("services.nodeports", "0"), list("services.nodeports", "5")), request{Object: service("ClusterIP"), Old: service("NodePort")}, "", "services.nodeports=3"},
		"update, over": {quotaOf("q", list("services.nodeports", "1"), list("services.nodeports", "0")), request{Object: service("NodePort"), Old: service("ClusterIP")}, "requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1", "services.nodeports=0"},
		"below zero":   {quotaOf("q", list("services.nodeports", "1"), list("services.nodeports", "0")), request{Object: service("ClusterIP"), Old: service("NodePort")}, "", "services.nodeports=0"},
		"less unknown": {quotaOf("q", list("services.nodeports", "5"), nil), request{Object: service("ClusterIP"), Old: service("NodePort")}, "", ""},
		"same":         {quotaOf("q", list("pods", "0"), list("pods", "7")), request{Object: pod(""), Old: pod("")}, "", "pods=7"},
		"status":       {quotaOf("q", list("pods", "0"), list("pods", "0")), request{Object: pod(""), Subresource: "status"}, "", "pods=0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(clocktesting.NewFakePassiveClock(time.Now()))
			client := admissiontest.Start(t, p, tc.quota)
			compareAndSwap(client)
			err := admissiontest.Send(context.Background(), p, tc.request)
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.True(t, apierrors.IsForbidden(err))
				require.ErrorContains(t, err, tc.err)
			}
			require.Equal(t, tc.used, used(t, client, "q"))
		})
	}
}

// What one quota was charged it gets back when another refuses.
func TestAllOrNothing(t *testing.T) {
	p := New(clocktesting.NewFakePassiveClock(time.Now()))
	client := admissiontest.Start(t, p, quotaOf("a", list("pods", "5"), list("pods", "1")), quotaOf("b", list("pods", "1"), list("pods", "1")))
	compareAndSwap(client)
	require.ErrorContains(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod("")}), "exceeded quota: b")
	require.Equal(t, "pods=1", used(t, client, "a"))
}

// A client that goes while its request is refused is no reason to keep what it was charged.
func TestRefundOutlivesTheClient(t *testing.T) {
	p := New(clocktesting.NewFakePassiveClock(time.Now()))
	q := quotaOf("q", list("pods", "5"), list("pods", "2"))
	client := admissiontest.Start(t, p, q)
	gone, leave := context.WithCancel(context.Background())
	leave()
	p.refund(gone, []bill{{q, list("pods", "1")}}, false)
	require.Equal(t, "pods=1", used(t, client, "q"))
}

// The informer shows a quota that is full, or one that has room, when it isn't so any more.
func TestStaleInformer(t *testing.T) {
	for name, tc := range map[string]struct{ shown, is, then string }{
		"room after all": {"1", "0", "pods=1"},
		"full after all": {"0", "1", "pods=1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(clocktesting.NewFakePassiveClock(time.Now()))
			shown := quotaOf("q", list("pods", "1"), list("pods", tc.shown))
			shown.ResourceVersion = "0"
			admissiontest.Start(t, p, shown)
			client := fake.NewClientset(quotaOf("q", list("pods", "1"), list("pods", tc.is)))
			compareAndSwap(client)
			p.SetExternalKubeClientSet(client)
			err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod("")})
			require.Equal(t, tc.is == "1", err != nil, "%v", err)
			require.Equal(t, tc.then, used(t, client, "q"))
		})
	}
}

// Many requests through two apiservers never get more than there is, and get all of it.
func TestConcurrent(t *testing.T) {
	const room, requests = 20, 30
	here, there := New(clocktesting.NewFakePassiveClock(time.Now())), New(clocktesting.NewFakePassiveClock(time.Now()))
	client := admissiontest.Start(t, here, quotaOf("q", list("pods", strconv.Itoa(room)), list("pods", "0")))
	compareAndSwap(client)
	admissiontest.Start(t, there, quotaOf("q", list("pods", strconv.Itoa(room)), list("pods", "0")))
	there.SetExternalKubeClientSet(client)
	var mu sync.Mutex
	admitted := 0
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			err := admissiontest.Send(context.Background(), []*Plugin{here, there}[i%2], admissiontest.Request{Object: pod("")})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				admitted++
			}
		})
	}
	all.Wait()
	require.Equal(t, room, admitted)
	require.Equal(t, "pods=20", used(t, client, "q"))
}

func TestLooksPastTheCache(t *testing.T) {
	p := New(clocktesting.NewFakePassiveClock(time.Now()))
	admissiontest.Start(t, p)
	p.SetExternalKubeClientSet(fake.NewClientset(quotaOf("q", list("pods", "0"), list("pods", "0"))))
	require.ErrorContains(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod("")}), "exceeded quota: q")
}
