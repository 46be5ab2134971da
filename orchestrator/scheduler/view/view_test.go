package view

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func node(name string) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NodeStatus{
		Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("4"), v1.ResourcePods: resource.MustParse("10")},
		Images:      []v1.ContainerImage{{Names: []string{"x"}, SizeBytes: 1}},
	}}
}

func pod(name, node, cpu string) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{NodeName: node, Containers: []v1.Container{{
		Ports:     []v1.ContainerPort{{HostPort: 80}},
		Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), "x/gpu": resource.MustParse("1")}},
	}}}}
}

func TestAssumedUntilShownOrForgotten(t *testing.T) {
	s := NewState()
	s.SetNode(node("a"))
	s.SetNode(node("b"))
	p := NewPod(pod("p", "", "1"))
	s.Assume(p, "a")
	require.True(t, s.Assumed("p"))
	require.EqualValues(t, 1000, s.Node("a").Requested.CPU)

	s.SetPod(pod("p", "b", "1")) // somebody else was faster
	require.False(t, s.Assumed("p"))
	require.Zero(t, s.Node("a").Requested.CPU)
	require.EqualValues(t, 1000, s.Node("b").Requested.CPU)

	s.Forget("p") // too late: the informer has shown it
	require.NotNil(t, s.Placed("p"))

	s.Assume(NewPod(pod("q", "", "1")), "a")
	s.Forget("q")
	require.Nil(t, s.Placed("q"))
	require.Empty(t, s.Node("a").Pods)
}

func TestSumsFollowThePods(t *testing.T) {
	s := NewState()
	s.SetNode(node("a"))
	s.SetPod(pod("p", "a", "1"))
	s.SetPod(pod("q", "a", "2"))
	s.SetPod(pod("p", "a", "500m")) // resized
	n := s.Node("a")
	require.EqualValues(t, 2500, n.Requested.CPU)
	require.EqualValues(t, 2, n.Requested.Others["x/gpu"])
	require.EqualValues(t, unnamedMemory*2, n.Likely.Memory)
	require.Len(t, n.Ports, 2)
	require.Len(t, s.Alike(), 1)
	s.RemovePod("p")
	s.RemovePod("q")
	s.RemovePod("q")
	require.True(t, n.Requested.Zero())
	require.Empty(t, n.Ports)
	require.Empty(t, s.Alike())
}

func TestANodeThatComesAfterItsPodsAndGoesBeforeThem(t *testing.T) {
	s := NewState()
	s.SetPod(pod("p", "a", "1"))
	require.Nil(t, s.Node("a"))
	require.Empty(t, s.Nodes())
	s.SetNode(node("a"))
	require.EqualValues(t, 1000, s.Node("a").Requested.CPU)
	require.Equal(t, 1, s.NodesWithImage("x"))
	s.SetNode(node("a"))
	require.Len(t, s.Nodes(), 1)
	s.RemoveNode("a")
	s.RemoveNode("a")
	require.Nil(t, s.Node("a"))
	require.Zero(t, s.NodesWithImage("x"))
	s.SetNode(node("a"))
	require.EqualValues(t, 1000, s.Node("a").Requested.CPU, "its pod was remembered")
}

func TestACloneIsItsOwn(t *testing.T) {
	s := NewState()
	s.SetNode(node("a"))
	s.SetPod(pod("p", "a", "1"))
	n := s.Node("a")
	c := n.Clone()
	c.Remove(s.Placed("p"))
	c.Add(NewPod(pod("q", "", "3")))
	require.EqualValues(t, 1000, n.Requested.CPU)
	require.EqualValues(t, 1, n.Requested.Others["x/gpu"])
	require.Equal(t, "p", n.Pods[0].Name)
	require.Len(t, n.Ports, 1)
}

func TestNominations(t *testing.T) {
	s := NewState()
	p := NewPod(pod("p", "", "1"))
	s.Nominate(p, "a")
	s.Nominate(p, "b")
	require.Empty(t, s.Nominated("a"))
	require.Equal(t, []*Pod{p}, s.Nominated("b"))
	s.Assume(p, "a")
	require.Empty(t, s.NominatedTo("p"), "it has its node")
}

func TestWhatIsAlike(t *testing.T) {
	base := func() *v1.Pod {
		p := pod("p", "", "1")
		p.Labels = map[string]string{"a": "1", "b": "2"}
		return p
	}
	other := base()
	other.Name, other.UID, other.Spec.Containers[0].Image = "q", "q", "other"
	require.Equal(t, likeness(base()), likeness(other), "neither name nor image is selected by")
	for name, change := range map[string]func(*v1.Pod){
		"labels":      func(p *v1.Pod) { p.Labels["b"] = "3" },
		"label keys":  func(p *v1.Pod) { p.Labels = map[string]string{"a": "1", "b2": ""} },
		"namespace":   func(p *v1.Pod) { p.Namespace = "x" },
		"terminating": func(p *v1.Pod) { p.DeletionTimestamp = &metav1.Time{} },
		"affinity": func(p *v1.Pod) {
			p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{TopologyKey: "x"}}}}
		},
	} {
		p := base()
		change(p)
		require.NotEqual(t, likeness(base()), likeness(p), name)
	}
}

func TestNothingFromOutsidePanics(t *testing.T) {
	huge := resource.MustParse("9223372036854775807Ei")
	s := NewState()
	s.SetNode(&v1.Node{})
	s.SetPod(&v1.Pod{})
	s.SetPod(&v1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "x"},
		Spec: v1.PodSpec{
			Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: huge, v1.ResourceMemory: huge, "": huge}}}},
			Affinity: &v1.Affinity{PodAffinity: &v1.PodAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution:  []v1.PodAffinityTerm{{LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Operator: "?"}}}}},
				PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{Weight: 1}},
			}, PodAntiAffinity: &v1.PodAntiAffinity{}},
		},
	})
	s.RemovePod("x")
	s.RemoveNode("")
	s.RemovePod("")
	require.Empty(t, s.Nodes())
}

func TestDoomedUntilItSaysSoItself(t *testing.T) {
	s := NewState()
	s.Doom("p", true)
	require.False(t, s.Doomed("p"), "it has no node")
	s.SetPod(pod("p", "a", "1"))
	s.Doom("p", true)
	s.SetPod(pod("p", "a", "1"))
	require.True(t, s.Doomed("p"), "the informer is late")
	s.Doom("p", false)
	require.False(t, s.Doomed("p"))
	s.Doom("p", true)
	going := pod("p", "a", "1")
	going.DeletionTimestamp = &metav1.Time{}
	s.SetPod(going)
	require.False(t, s.Doomed("p"))
}
