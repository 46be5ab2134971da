package kubelet

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/kubelet/eviction"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
)

// podAsking is a pod that requests CPU.
func podAsking(name, cpu string) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{Containers: []v1.Container{{
		Name: "c", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}},
	}}}}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	k := &kubelet{eviction: eviction.New(eviction.Options{}), allocatable: v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("1Gi"), v1.ResourcePods: resource.MustParse("2"),
	}}
	one := podAsking("one", "1500m")
	require.Nil(t, k.admit(one, nil))
	require.Nil(t, k.admit(one, []*v1.Pod{one}), "it doesn't stand in its own way")
	require.Nil(t, k.admit(podAsking("two", "500m"), []*v1.Pod{one}))
	end := k.admit(podAsking("two", "501m"), []*v1.Pod{one})
	require.Equal(t, "OutOfcpu", end.Reason)
	require.Equal(t, "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000", end.Message)
	require.Equal(t, "OutOfpods", k.admit(podAsking("three", "0"), []*v1.Pod{podAsking("a", "0"), podAsking("b", "0")}).Reason)
	windows := podAsking("w", "0")
	windows.Spec.OS = &v1.PodOS{Name: v1.Windows}
	require.Equal(t, "PodOSNotSupported", k.admit(windows, nil).Reason)

	with := func(name string, port int32, ip string) *v1.Pod {
		pod := podAsking(name, "0")
		pod.Spec.Containers[0].Ports = []v1.ContainerPort{{HostPort: port, HostIP: ip}}
		return pod
	}
	require.Equal(t, "NodePorts", k.admit(with("x", 80, ""), []*v1.Pod{with("y", 80, "192.0.2.1")}).Reason)
	require.Nil(t, k.admit(with("x", 80, "192.0.2.2"), []*v1.Pod{with("y", 80, "192.0.2.1")}))
	require.Nil(t, k.admit(with("x", 80, ""), []*v1.Pod{with("y", 81, "")}))
}

func TestWhoMakesRoomForCriticalPods(t *testing.T) {
	k := &kubelet{allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourcePods: resource.MustParse("9")}}
	static := podAsking("static", "1")
	static.Annotations = map[string]string{source.AnnotationSource: "file"}
	low, high, critical := podAsking("low", "1"), podAsking("high", "1"), podAsking("critical", "1")
	high.Spec.Priority, critical.Spec.Priority = ptr.To(int32(100)), ptr.To(int32(criticalPriority))
	require.Equal(t, []*v1.Pod{low}, k.victims(static, []*v1.Pod{high, low}))
	require.Equal(t, []*v1.Pod{low}, k.victims(static, []*v1.Pod{critical, low}))
	require.Nil(t, k.victims(static, []*v1.Pod{critical, critical}))
}
