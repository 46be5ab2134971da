package node

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	nodeutil "k8s.io/component-helpers/node/util"

	"github.com/petcd/petcd/orchestrator/kubelet/crifake"
)

const (
	patience = 20 * time.Second
	often    = 2 * time.Millisecond
)

// begin runs the manager of a node called here.
func begin(t *testing.T, client *fake.Clientset, with func(*Options)) *Manager {
	t.Helper()
	o := Options{
		Client: client, Name: "here", Register: true, Labels: map[string]string{"mine": "yes"}, IPs: []net.IP{net.IPv4(192, 0, 2, 1)},
		Hostname: "here", Port: 10250, Capacity: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("1Gi")},
		Reserve:     Reserve{System: v1.ResourceList{v1.ResourceCPU: resource.MustParse("500m")}, EvictionHard: map[string]string{"memory.available": "25%"}},
		UpdateEvery: 5 * time.Millisecond, ReportEvery: time.Hour, LeaseFor: 40 * time.Second, MaxImages: 50, RuntimeVersion: "fake://1",
		Images: crifake.New(), Health: func() Health { return Health{} }, Taints: []v1.Taint{{Key: "t", Effect: v1.TaintEffectNoSchedule}},
	}
	if with != nil {
		with(&o)
	}
	m := New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return m
}

// get is the node as the apiserver has it; nil if it hasn't.
func get(t *testing.T, client *fake.Clientset) *v1.Node {
	t.Helper()
	n, err := client.CoreV1().Nodes().Get(t.Context(), "here", metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return n
}

// until waits for the node to be so.
func until(t *testing.T, client *fake.Clientset, is func(*v1.Node) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		n := get(t, client)
		return n != nil && is(n)
	}, patience, often)
}

func TestANodeIsRegistered(t *testing.T) {
	client := fake.NewClientset()
	m := begin(t, client, nil)
	until(t, client, func(n *v1.Node) bool { return len(n.Status.Conditions) == 4 })
	n := get(t, client)
	require.Equal(t, "here", n.Labels[v1.LabelHostname])
	require.Equal(t, "linux", n.Labels[v1.LabelOSStable])
	require.Equal(t, "yes", n.Labels["mine"])
	require.Len(t, n.Spec.Taints, 1)
	require.Equal(t, "1500m", n.Status.Allocatable.Cpu().String())
	require.Equal(t, "768Mi", n.Status.Allocatable.Memory().String())
	require.Equal(t, []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "192.0.2.1"}, {Type: v1.NodeHostName, Address: "here"}}, n.Status.Addresses)
	require.EqualValues(t, 10250, n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	require.NotEmpty(t, n.Status.NodeInfo.KernelVersion)
	require.Equal(t, "fake://1", n.Status.NodeInfo.ContainerRuntimeVersion)
	require.Eventually(t, func() bool { return m.Node() != nil }, patience, often)
	require.Eventually(t, func() bool {
		l, err := client.CoordinationV1().Leases(v1.NamespaceNodeLease).Get(t.Context(), "here", metav1.GetOptions{})
		return err == nil && *l.Spec.LeaseDurationSeconds == 40 && l.OwnerReferences[0].Name == "here"
	}, patience, often)
}

// What others have put on a node stays.
func TestANodeThatIsKnownKeepsWhatItHas(t *testing.T) {
	client := fake.NewClientset(&v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "here", Labels: map[string]string{"theirs": "yes", "mine": "no"}},
		Spec:       v1.NodeSpec{PodCIDR: "10.0.0.0/24", Unschedulable: true},
		Status:     v1.NodeStatus{Conditions: []v1.NodeCondition{{Type: "Theirs", Status: v1.ConditionTrue}}},
	})
	m := begin(t, client, nil)
	until(t, client, func(n *v1.Node) bool { return len(n.Status.Conditions) == 5 && n.Labels["mine"] == "yes" })
	n := get(t, client)
	require.Equal(t, "yes", n.Labels["theirs"])
	require.True(t, n.Spec.Unschedulable)
	require.Empty(t, n.Spec.Taints, "taints are for new nodes")
	require.Eventually(t, func() bool { return m.Node() != nil }, patience, often)
	require.Equal(t, []string{"10.0.0.0/24"}, PodCIDRs(m.Node()))
}

func TestANodeSaysHowItIs(t *testing.T) {
	client := fake.NewClientset()
	var down atomic.Bool
	m := begin(t, client, func(o *Options) {
		o.UpdateEvery = time.Hour
		o.Health = func() Health {
			if down.Load() {
				return Health{NotReady: "container runtime is down", Memory: true}
			}
			return Health{}
		}
	})
	is := func(kind v1.NodeConditionType, status v1.ConditionStatus, reason string) func(*v1.Node) bool {
		return func(n *v1.Node) bool {
			_, c := nodeutil.GetNodeCondition(&n.Status, kind)
			return c != nil && c.Status == status && c.Reason == reason
		}
	}
	until(t, client, is(v1.NodeReady, v1.ConditionTrue, "KubeletReady"))
	down.Store(true)
	m.Wake()
	until(t, client, is(v1.NodeReady, v1.ConditionFalse, "KubeletNotReady"))
	until(t, client, is(v1.NodeMemoryPressure, v1.ConditionTrue, "KubeletHasInsufficientMemory"))
}

func TestAStatusIsWrittenOnlyWhenItChanges(t *testing.T) {
	client := fake.NewClientset()
	var asked atomic.Int32
	begin(t, client, func(o *Options) {
		o.Health = func() Health { asked.Add(1); return Health{} }
	})
	require.Eventually(t, func() bool { return asked.Load() > 20 }, patience, often)
	patches := 0
	for _, a := range client.Actions() {
		if a.GetVerb() == "patch" {
			patches++
		}
	}
	require.LessOrEqual(t, patches, 1)
}

func TestANodeThatIsDeletedComesBack(t *testing.T) {
	client := fake.NewClientset()
	begin(t, client, nil)
	until(t, client, func(*v1.Node) bool { return true })
	require.NoError(t, client.CoreV1().Nodes().Delete(t.Context(), "here", metav1.DeleteOptions{}))
	until(t, client, func(n *v1.Node) bool { return n.Labels["mine"] == "yes" })
}

func TestCapacity(t *testing.T) {
	capacity, err := Capacity(t.TempDir(), 110, 10)
	require.NoError(t, err)
	require.Positive(t, capacity.Cpu().Value())
	require.Positive(t, capacity.Memory().Value())
	require.Positive(t, capacity.StorageEphemeral().Value())
	require.LessOrEqual(t, capacity.Pods().Value(), 10*capacity.Cpu().Value())
	_, err = Reserve{EvictionHard: map[string]string{"memory.available": "much"}}.Allocatable(capacity)
	require.ErrorContains(t, err, "memory.available")
	none, err := Reserve{Kube: v1.ResourceList{v1.ResourceMemory: resource.MustParse("1Ei")}}.Allocatable(capacity)
	require.NoError(t, err)
	require.True(t, none.Memory().IsZero())
}

func TestAddresses(t *testing.T) {
	given := []net.IP{net.IPv4(192, 0, 2, 7)}
	ips, err := Addresses(given)
	require.NoError(t, err)
	require.Equal(t, given, ips)
}
