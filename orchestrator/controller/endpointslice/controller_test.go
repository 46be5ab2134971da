package endpointslice

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newService(change ...func(*v1.Service)) *v1.Service {
	svc := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s", UID: "svc", Labels: map[string]string{"team": "x"}},
		Spec: v1.ServiceSpec{
			ClusterIP: "10.96.0.10", Selector: map[string]string{"app": "a"},
			Ports: []v1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: v1.ProtocolTCP}},
		},
	}
	for _, f := range change {
		f(svc)
	}
	return svc
}

func newPod(name, ip string, change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "a"}},
		Spec:       v1.PodSpec{NodeName: "n"},
		Status: v1.PodStatus{PodIP: ip, Conditions: []v1.PodCondition{
			{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(controllertest.Epoch)},
		}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func newPods(from, to int) []*v1.Pod {
	var pods []*v1.Pod
	for i := from; i < to; i++ {
		pods = append(pods, newPod(fmt.Sprintf("p%03d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)))
	}
	return pods
}

func notReady(p *v1.Pod) { p.Status.Conditions[0].Status = v1.ConditionFalse }
func deleted(p *v1.Pod)  { p.DeletionTimestamp = &metav1.Time{Time: controllertest.Epoch} }

func newNode() *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{v1.LabelTopologyZone: "z"}}}
}

// world syncs one service by hand.
type world struct {
	*controllertest.Cluster
	*writer
	t *testing.T
}

func newWorld(t *testing.T, pods []*v1.Pod, objects ...runtime.Object) *world {
	for _, p := range pods {
		objects = append(objects, p)
	}
	c := controllertest.New(t, append(objects, newNode())...)
	return &world{Cluster: c, writer: newWriter(c.Env), t: t}
}

// run syncs the service and returns what was written.
func (w *world) run() []string {
	w.t.Helper()
	w.Refresh()
	w.Writes()
	require.NoError(w.t, w.sync(context.Background(), "default/s"))
	writes := w.Writes()
	w.expected.Forget("default/s") // the informer's work
	return writes
}

func (w *world) list() []discovery.EndpointSlice {
	w.t.Helper()
	l, err := w.Fake.DiscoveryV1().EndpointSlices("default").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	return l.Items
}

func (w *world) sizes() map[string]int {
	sizes := map[string]int{}
	for _, s := range w.list() {
		sizes[s.Name] = len(s.Endpoints)
	}
	return sizes
}

func (w *world) put(pods ...*v1.Pod) {
	w.t.Helper()
	for _, p := range pods {
		_, err := w.Fake.CoreV1().Pods("default").Update(context.Background(), p, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) {
			_, err = w.Fake.CoreV1().Pods("default").Create(context.Background(), p, metav1.CreateOptions{})
		}
		require.NoError(w.t, err)
	}
}

func (w *world) drop(pods ...*v1.Pod) {
	w.t.Helper()
	for _, p := range pods {
		require.NoError(w.t, w.Fake.CoreV1().Pods("default").Delete(context.Background(), p.Name, metav1.DeleteOptions{}))
	}
}

func TestSlice(t *testing.T) {
	w := newWorld(t, []*v1.Pod{newPod("a", "10.0.0.1", func(p *v1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = "web-0", "s" })},
		newService(func(s *v1.Service) { s.Spec.ClusterIP = v1.ClusterIPNone }))
	require.Equal(t, []string{"create endpointslices default/s-"}, w.run())
	s := w.list()[0]
	require.Equal(t, map[string]string{
		"team": "x", "kubernetes.io/service-name": "s", "service.kubernetes.io/headless": "",
		"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
	}, s.Labels)
	require.Equal(t, "2026-01-02T03:04:05Z", s.Annotations["endpoints.kubernetes.io/last-change-trigger-time"])
	require.Len(t, s.OwnerReferences, 1)
	require.Equal(t, types.UID("svc"), s.OwnerReferences[0].UID)
	require.Equal(t, discovery.AddressTypeIPv4, s.AddressType)
	require.Equal(t, "http/8080/TCP/", portKey(s.Ports))
	ep := s.Endpoints[0]
	require.Equal(t, []string{"10.0.0.1"}, ep.Addresses)
	require.Equal(t, "n", *ep.NodeName)
	require.Equal(t, "z", *ep.Zone)
	require.Equal(t, "web-0", *ep.Hostname)
	require.Equal(t, &v1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "a", UID: "a"}, ep.TargetRef)
	require.Empty(t, w.run(), "once is enough")
}

func TestConditions(t *testing.T) {
	publish := func(s *v1.Service) { s.Spec.PublishNotReadyAddresses = true }
	for name, c := range map[string]struct {
		svc                         *v1.Service
		pod                         *v1.Pod
		ready, serving, terminating bool
	}{
		"ready":                      {newService(), newPod("a", "10.0.0.1"), true, true, false},
		"not ready":                  {newService(), newPod("a", "10.0.0.1", notReady), false, false, false},
		"terminating":                {newService(), newPod("a", "10.0.0.1", deleted), false, true, true},
		"terminating, not serving":   {newService(), newPod("a", "10.0.0.1", deleted, notReady), false, false, true},
		"published though not ready": {newService(publish), newPod("a", "10.0.0.1", deleted, notReady), true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := endpointOf(c.svc, c.pod, nil, "").Conditions
			require.Equal(t, c.ready, *got.Ready)
			require.Equal(t, c.serving, *got.Serving)
			require.Equal(t, c.terminating, *got.Terminating)
		})
	}
}

func TestFewChanges(t *testing.T) {
	pods := newPods(0, 250)
	w := newWorld(t, pods, newService())
	require.Len(t, w.run(), 3)
	require.Equal(t, map[string]int{"s-1": 100, "s-2": 100, "s-3": 50}, w.sizes())

	// New ones go where there is room.
	w.put(newPods(250, 260)...)
	require.Equal(t, []string{"update endpointslices default/s-3"}, w.run())

	// Whoever goes leaves a gap, and nobody moves.
	w.drop(pods[0])
	require.Equal(t, []string{"update endpointslices default/s-1"}, w.run())
	require.Equal(t, map[string]int{"s-1": 99, "s-2": 100, "s-3": 60}, w.sizes())

	// A slice that changes anyway takes the new ones, then the one that the rest fills most.
	w.drop(pods[101])
	w.put(newPods(260, 263)...)
	require.Equal(t, []string{"update endpointslices default/s-2", "update endpointslices default/s-3"}, w.run())
	require.Equal(t, map[string]int{"s-1": 99, "s-2": 100, "s-3": 62}, w.sizes())

	// One pod's state is one slice's update.
	pods[205].Status.Conditions[0].Status = v1.ConditionFalse
	w.put(pods[205])
	require.Equal(t, []string{"update endpointslices default/s-3"}, w.run())

	// An empty slice is deleted, but not the last one.
	w.drop(pods[1:100]...)
	require.Equal(t, []string{"delete endpointslices default/s-1"}, w.run())
	w.drop(pods[100])
	w.drop(pods[102:]...)
	w.drop(newPods(250, 263)...)
	require.ElementsMatch(t, []string{"update endpointslices default/s-2", "delete endpointslices default/s-3"}, w.run())
	require.Equal(t, map[string]int{"s-2": 0}, w.sizes())
	require.Empty(t, w.list()[0].Ports)
	require.Empty(t, w.run())
}

func TestNoEndpoints(t *testing.T) {
	w := newWorld(t, nil, newService())
	require.Equal(t, []string{"create endpointslices default/s-"}, w.run())
	require.Equal(t, map[string]int{"s-1": 0}, w.sizes())
	require.Empty(t, w.run())
	w.put(newPod("a", "10.0.0.1"))
	require.Equal(t, []string{"create endpointslices default/s-", "delete endpointslices default/s-1"}, w.run())
}

func TestLabelsFollowTheService(t *testing.T) {
	w := newWorld(t, []*v1.Pod{newPod("a", "10.0.0.1")}, newService())
	w.run()
	svc := newService(func(s *v1.Service) { s.Labels["team"] = "y" })
	_, err := w.Fake.CoreV1().Services("default").Update(context.Background(), svc, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"update endpointslices default/s-1"}, w.run())
	require.Equal(t, "y", w.list()[0].Labels["team"])
}

func TestPortsAndFamilies(t *testing.T) {
	port := func(n int32) func(*v1.Pod) {
		return func(p *v1.Pod) {
			p.Spec.Containers = []v1.Container{{Ports: []v1.ContainerPort{{Name: "web", ContainerPort: n}}}}
			p.Status.PodIPs = []v1.PodIP{{IP: p.Status.PodIP}, {IP: "fd00::" + strings.TrimPrefix(p.Status.PodIP, "10.0.0.")}}
		}
	}
	svc := newService(func(s *v1.Service) {
		s.Spec.Ports[0].TargetPort = intstr.FromString("web")
		s.Spec.IPFamilies = []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol}
	})
	w := newWorld(t, []*v1.Pod{newPod("a", "10.0.0.1", port(1)), newPod("b", "10.0.0.2", port(2)), newPod("c", "10.0.0.3")}, svc)
	w.run()
	shown := []string{}
	for _, s := range w.list() {
		for _, ep := range s.Endpoints {
			shown = append(shown, fmt.Sprint(s.AddressType, portKey(s.Ports), ep.Addresses))
		}
	}
	require.ElementsMatch(t, []string{
		"IPv4http/1/TCP/[10.0.0.1]", "IPv4http/2/TCP/[10.0.0.2]", "IPv4[10.0.0.3]",
		"IPv6http/1/TCP/[fd00::1]", "IPv6http/2/TCP/[fd00::2]",
	}, shown)

	// A family goes.
	svc.Spec.IPFamilies = svc.Spec.IPFamilies[:1]
	_, err := w.Fake.CoreV1().Services("default").Update(context.Background(), svc, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.run()
	require.Len(t, w.list(), 3)
}

func TestUnknownNode(t *testing.T) {
	w := newWorld(t, []*v1.Pod{newPod("a", "10.0.0.1", func(p *v1.Pod) { p.Spec.NodeName = "new" }), newPod("b", "10.0.0.2")}, newService())
	w.Refresh()
	require.ErrorContains(t, w.sync(context.Background(), "default/s"), "pod default/a")
	require.Equal(t, map[string]int{"s-1": 1}, w.sizes(), "the others are written")
}

func TestWaitsForItsOwnSlices(t *testing.T) {
	w := newWorld(t, []*v1.Pod{newPod("a", "10.0.0.1")}, newService())
	w.Refresh()
	for range 2 { // the cache doesn't show the slice of the first time
		require.NoError(t, w.sync(context.Background(), "default/s"))
	}
	require.Len(t, w.list(), 1)
}

func TestLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*v1.Service){
		"no selector":   func(s *v1.Service) { s.Spec.Selector = nil },
		"external name": func(s *v1.Service) { s.Spec.Type = v1.ServiceTypeExternalName },
		"deleted":       func(s *v1.Service) { s.DeletionTimestamp = &metav1.Time{} },
		"gone":          func(s *v1.Service) { s.Name = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, newWorld(t, []*v1.Pod{newPod("a", "10.0.0.1")}, newService(change)).run())
		})
	}
}

func TestRun(t *testing.T) {
	w := newWorld(t, nil, newService())
	w.Versions()
	w.Start(New(w.Env))
	w.Eventually(func() bool { return len(w.list()) == 1 }, "an empty slice")
	w.put(newPod("a", "10.0.0.1"))
	w.Eventually(func() bool { l := w.list(); return len(l) == 1 && len(l[0].Endpoints) == 1 }, "a new pod is added")
	_, err := w.Fake.DiscoveryV1().EndpointSlices("default").Patch(context.Background(), w.list()[0].Name, types.MergePatchType,
		[]byte(`{"endpoints":[]}`), metav1.PatchOptions{})
	require.NoError(t, err)
	w.Eventually(func() bool { l := w.list(); return len(l) == 1 && len(l[0].Endpoints) == 1 }, "what somebody changed is mended")
}
