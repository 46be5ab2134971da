package endpoints

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	core "k8s.io/client-go/testing"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newService(change ...func(*v1.Service)) *v1.Service {
	svc := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s", Labels: map[string]string{"team": "x"}},
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

func newPod(name, ip string, ready bool, change ...func(*v1.Pod)) *v1.Pod {
	status := v1.ConditionFalse
	if ready {
		status = v1.ConditionTrue
	}
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "a"}},
		Spec:       v1.PodSpec{NodeName: "n"},
		Status: v1.PodStatus{PodIP: ip, Conditions: []v1.PodCondition{
			{Type: v1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(controllertest.Epoch)},
		}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

// show writes subsets in short: "[ready|not ready]:ports".
func show(subsets []v1.EndpointSubset) []string {
	ips := func(as []v1.EndpointAddress) (s []string) {
		for _, a := range as {
			name := a.IP
			if a.Hostname != "" {
				name += "=" + a.Hostname
			}
			s = append(s, name)
		}
		return s
	}
	shown := []string{}
	for _, s := range subsets {
		shown = append(shown, fmt.Sprintf("%v|%v:%v", ips(s.Addresses), ips(s.NotReadyAddresses), portNames(s.Ports)))
	}
	return shown
}

func TestSubsets(t *testing.T) {
	deleted := func(p *v1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: controllertest.Epoch} }
	phase := func(ph v1.PodPhase) func(*v1.Pod) { return func(p *v1.Pod) { p.Status.Phase = ph } }
	port := func(n int32) func(*v1.Pod) {
		return func(p *v1.Pod) {
			p.Spec.Containers = []v1.Container{{Ports: []v1.ContainerPort{{Name: "web", ContainerPort: n}}}}
		}
	}
	publish := func(s *v1.Service) { s.Spec.PublishNotReadyAddresses = true }
	for name, c := range map[string]struct {
		svc  *v1.Service
		pods []*v1.Pod
		want []string
	}{
		"none": {newService(), nil, []string{}},
		"ready, and not": {
			newService(), []*v1.Pod{newPod("b", "10.0.0.2", true), newPod("a", "10.0.0.1", true), newPod("c", "10.0.0.3", false)},
			[]string{"[10.0.0.1 10.0.0.2]|[10.0.0.3]:[http/8080/TCP/]"},
		},
		"all are published": {
			newService(publish), []*v1.Pod{newPod("a", "10.0.0.1", false), newPod("b", "10.0.0.2", true, deleted)},
			[]string{"[10.0.0.1 10.0.0.2]|[]:[http/8080/TCP/]"},
		},
		"no address, ended, about to go": {
			newService(), []*v1.Pod{
				newPod("a", "", true), newPod("b", "10.0.0.2", true, phase(v1.PodSucceeded)),
				newPod("c", "10.0.0.3", true, phase(v1.PodFailed)), newPod("d", "10.0.0.4", true, deleted),
			},
			[]string{},
		},
		"a named port": {
			newService(func(s *v1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromString("web") }),
			[]*v1.Pod{
				newPod("a", "10.0.0.1", true, port(1)), newPod("b", "10.0.0.2", true, port(2)),
				newPod("c", "10.0.0.3", true, port(1)), newPod("d", "10.0.0.4", true),
			},
			[]string{"[10.0.0.1 10.0.0.3]|[]:[http/1/TCP/]", "[10.0.0.2]|[]:[http/2/TCP/]"},
		},
		"headless without ports": {
			newService(func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.Ports = v1.ClusterIPNone, nil }),
			[]*v1.Pod{newPod("a", "10.0.0.1", true)}, []string{"[10.0.0.1]|[]:[]"},
		},
		"hostnames": {
			newService(), []*v1.Pod{
				newPod("a", "10.0.0.1", true, func(p *v1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = "web-0", "s" }),
				newPod("b", "10.0.0.2", true, func(p *v1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = "web-1", "other" }),
			},
			[]string{"[10.0.0.1=web-0 10.0.0.2]|[]:[http/8080/TCP/]"},
		},
		"another family": {
			newService(func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol} }),
			[]*v1.Pod{newPod("a", "10.0.0.1", true), newPod("b", "fd00::1", true)},
			[]string{"[fd00::1]|[]:[http/8080/TCP/]"},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, show(subsets(c.svc, c.pods))) })
	}
}

func TestTruncate(t *testing.T) {
	var pods []*v1.Pod
	for i := range 1002 {
		pods = append(pods, newPod(fmt.Sprint("p", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), i >= 3))
	}
	kept, over := truncate(subsets(newService(), pods))
	require.True(t, over)
	require.Len(t, kept[0].Addresses, 999)
	require.Len(t, kept[0].NotReadyAddresses, 1)

	kept, over = truncate(subsets(newService(), pods[2:]))
	require.False(t, over)
	require.Len(t, kept[0].NotReadyAddresses, 1)
}

func get(t *testing.T, c *controllertest.Cluster) *v1.Endpoints {
	t.Helper()
	ep, err := c.Fake.CoreV1().Endpoints("default").Get(context.Background(), "s", metav1.GetOptions{})
	require.NoError(t, err)
	return ep
}

func TestSync(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newService(func(s *v1.Service) { s.Spec.ClusterIP = v1.ClusterIPNone }), newPod("a", "10.0.0.1", true))
	w := newWriter(c.Env)
	sync := func() []string {
		t.Helper()
		c.Refresh()
		c.Writes()
		require.NoError(t, w.sync(ctx, "default/s"))
		return c.Writes()
	}
	require.Equal(t, []string{"create endpoints default/s"}, sync())
	ep := get(t, c)
	require.Equal(t, map[string]string{
		"team": "x", "service.kubernetes.io/headless": "", "endpoints.kubernetes.io/managed-by": "endpoint-controller",
	}, ep.Labels)
	require.Equal(t, map[string]string{"endpoints.kubernetes.io/last-change-trigger-time": "2026-01-02T03:04:05Z"}, ep.Annotations)
	require.Equal(t, "n", *ep.Subsets[0].Addresses[0].NodeName)
	require.Equal(t, &v1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "a", UID: "a"}, ep.Subsets[0].Addresses[0].TargetRef)
	require.Empty(t, sync(), "once is enough")

	// A pod more, at another time.
	b := newPod("b", "10.0.0.2", true)
	b.Status.Conditions[0].LastTransitionTime = metav1.NewTime(controllertest.Epoch.Add(time.Second))
	_, err := c.Fake.CoreV1().Pods("default").Create(ctx, b, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"update endpoints default/s"}, sync())
	require.Equal(t, "2026-01-02T03:04:06Z", get(t, c).Annotations[v1.EndpointsLastChangeTriggerTime])

	// The service goes.
	require.NoError(t, c.Fake.CoreV1().Services("default").Delete(ctx, "s", metav1.DeleteOptions{}))
	require.Equal(t, []string{"delete endpoints default/s"}, sync())
	require.Equal(t, []string{"delete endpoints default/s"}, sync(), "what is gone is no error")
}

func TestLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*v1.Service){
		"no selector":   func(s *v1.Service) { s.Spec.Selector = nil },
		"external name": func(s *v1.Service) { s.Spec.Type = v1.ServiceTypeExternalName },
	} {
		t.Run(name, func(t *testing.T) {
			c := controllertest.New(t, newService(change), newPod("a", "10.0.0.1", true))
			w := newWriter(c.Env)
			c.Refresh()
			require.NoError(t, w.sync(context.Background(), "default/s"))
			require.Empty(t, c.Writes())
		})
	}
}

func TestRefused(t *testing.T) {
	c := controllertest.New(t, newService())
	w := newWriter(c.Env)
	c.Refresh()
	refusal := apierrors.NewForbidden(v1.Resource("endpoints"), "s", nil)
	c.Fake.PrependReactor("create", "endpoints", func(core.Action) (bool, runtime.Object, error) { return true, nil, refusal })
	require.True(t, apierrors.IsForbidden(w.sync(context.Background(), "default/s")))
	require.Len(t, c.Events(), 1)

	refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: v1.NamespaceTerminatingCause}}
	require.NoError(t, w.sync(context.Background(), "default/s"), "it goes with its namespace")
	require.Empty(t, c.Events())

	refusal = apierrors.NewAlreadyExists(v1.Resource("endpoints"), "s")
	require.ErrorContains(t, w.sync(context.Background(), "default/s"), "again in 1s", "the cache is late")
	require.Empty(t, c.Events())
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	orphan := &v1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "old", Labels: map[string]string{labelManagedBy: name}}}
	users := &v1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "users"}}
	c := controllertest.New(t, newService(), orphan, users)
	c.Versions()
	c.Start(New(c.Env))
	_, err := c.Fake.CoreV1().Pods("default").Create(ctx, newPod("a", "10.0.0.1", true), metav1.CreateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool {
		ep, err := c.Fake.CoreV1().Endpoints("default").Get(ctx, "s", metav1.GetOptions{})
		return err == nil && len(ep.Subsets) == 1
	}, "a new pod is added")
	c.Eventually(func() bool {
		_, err := c.Fake.CoreV1().Endpoints("default").Get(ctx, "old", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, "what no service has any more is deleted")
	_, err = c.Fake.CoreV1().Endpoints("default").Get(ctx, "users", metav1.GetOptions{})
	require.NoError(t, err)
}
