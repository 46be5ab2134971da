package servicepods

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func TestTargetPort(t *testing.T) {
	pod := &v1.Pod{Spec: v1.PodSpec{
		InitContainers: []v1.Container{
			{Ports: []v1.ContainerPort{{Name: "setup", ContainerPort: 1}}},
			{RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways), Ports: []v1.ContainerPort{{Name: "sidecar", ContainerPort: 2}}},
		},
		Containers: []v1.Container{{Ports: []v1.ContainerPort{
			{Name: "dns", ContainerPort: 53, Protocol: v1.ProtocolUDP}, {Name: "http", ContainerPort: 8080}, {ContainerPort: 9},
		}}},
	}}
	for name, c := range map[string]struct {
		port v1.ServicePort
		want int32 // none: an error
	}{
		"a number":                  {v1.ServicePort{Port: 80, TargetPort: intstr.FromInt32(8080)}, 8080},
		"none is the service's own": {v1.ServicePort{Port: 80}, 80},
		"a name": {
			v1.ServicePort{Port: 80, TargetPort: intstr.FromString("http"), Protocol: v1.ProtocolTCP}, 8080,
		},
		"a name of another protocol": {
			v1.ServicePort{Port: 80, TargetPort: intstr.FromString("dns"), Protocol: v1.ProtocolTCP}, 0,
		},
		"a name of the right protocol": {
			v1.ServicePort{Port: 80, TargetPort: intstr.FromString("dns"), Protocol: v1.ProtocolUDP}, 53,
		},
		"a sidecar's":                   {v1.ServicePort{Port: 80, TargetPort: intstr.FromString("sidecar")}, 2},
		"an init container's":           {v1.ServicePort{Port: 80, TargetPort: intstr.FromString("setup")}, 0},
		"a name that no container has":  {v1.ServicePort{Port: 80, TargetPort: intstr.FromString("x")}, 0},
		"an empty name leads to no one": {v1.ServicePort{Port: 80, TargetPort: intstr.FromString("")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := TargetPort(pod, &c.port)
			require.Equal(t, c.want == 0, err != nil, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAddresses(t *testing.T) {
	pod := &v1.Pod{Status: v1.PodStatus{PodIP: "10.0.0.1", PodIPs: []v1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}, {IP: "junk"}}}}
	require.Equal(t, []string{"10.0.0.1"}, Addresses(pod, v1.IPv4Protocol))
	require.Equal(t, []string{"fd00::1"}, Addresses(pod, v1.IPv6Protocol))
	pod.Status.PodIPs = nil
	require.Equal(t, []string{"10.0.0.1"}, Addresses(pod, v1.IPv4Protocol))
	require.Empty(t, Addresses(pod, v1.IPv6Protocol))
}

func TestFamilies(t *testing.T) {
	svc := &v1.Service{}
	require.Equal(t, []v1.IPFamily{v1.IPv4Protocol}, Families(svc))
	svc.Spec.ClusterIP = "fd00::1"
	require.Equal(t, []v1.IPFamily{v1.IPv6Protocol}, Families(svc))
	svc.Spec.IPFamilies = []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol}
	require.Equal(t, svc.Spec.IPFamilies, Families(svc))
}

func TestTriggers(t *testing.T) {
	at := func(s int) metav1.Time {
		return metav1.NewTime(controllertest.Epoch.Add(time.Duration(s) * time.Second))
	}
	pod := func(name string, s int) *v1.Pod {
		return &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     v1.PodStatus{Conditions: []v1.PodCondition{{Type: v1.PodReady, LastTransitionTime: at(s)}}},
		}
	}
	svc := &v1.Service{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(10)}}
	tr := NewTriggers()
	require.Equal(t, at(5).Time, tr.Since("k", svc, []*v1.Pod{pod("a", 5), pod("b", 20)}), "the oldest")
	require.True(t, tr.Since("k", svc, []*v1.Pod{pod("a", 5), pod("b", 20)}).IsZero(), "nothing has changed")
	require.Equal(t, at(30).Time, tr.Since("k", svc, []*v1.Pod{pod("a", 30), pod("b", 40)}))
	require.True(t, tr.Since("k", svc, []*v1.Pod{{}}).IsZero(), "a pod that was never ready")
	tr.Forget("k")
	require.Equal(t, at(10).Time, tr.Since("k", svc, nil))
}

func TestWatch(t *testing.T) {
	svc := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s"},
		Spec:       v1.ServiceSpec{Selector: map[string]string{"app": "a"}},
	}
	c := controllertest.New(t, svc)
	c.Refresh()
	services := c.Informers.Core().V1().Services().Lister()
	pod := func(app string) *v1.Pod {
		return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Labels: map[string]string{"app": app}}}
	}
	require.Len(t, selecting(services, []*v1.Pod{pod("a")}), 1)
	require.Empty(t, selecting(services, []*v1.Pod{pod("b")}))
	require.Len(t, selecting(services, []*v1.Pod{pod("b"), pod("a")}), 1, "a pod that was selected before")

	for name, change := range map[string]func(*v1.Pod){
		"labels": func(p *v1.Pod) { p.Labels = map[string]string{"app": "c"} },
		"ready": func(p *v1.Pod) {
			p.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}
		},
		"address":  func(p *v1.Pod) { p.Status.PodIP = "10.0.0.1" },
		"deletion": func(p *v1.Pod) { p.DeletionTimestamp = &metav1.Time{} },
		"hostname": func(p *v1.Pod) { p.Spec.Hostname = "h" },
		"node":     func(p *v1.Pod) { p.Spec.NodeName = "n" },
	} {
		changed := pod("a")
		change(changed)
		require.True(t, concerns(pod("a"), changed), name)
	}
	other := pod("a")
	other.Annotations = map[string]string{"x": "y"}
	require.False(t, concerns(pod("a"), other))
}
