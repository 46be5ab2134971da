package preempt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

type option = func(*v1.Pod)

var now = time.Unix(1_000_000, 0)

func pod(name, node, cpu string, priority int32, with ...option) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)},
		Spec: v1.PodSpec{NodeName: node, Priority: &priority, Containers: []v1.Container{{Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}}}}},
	}
	for _, f := range with {
		f(p)
	}
	return p
}

func app(name string) option { return func(p *v1.Pod) { p.Labels = map[string]string{"app": name} } }

func started(ago time.Duration) option {
	return func(p *v1.Pod) { p.Status.StartTime = &metav1.Time{Time: now.Add(-ago)} }
}

func farFrom(name, topology string) option {
	return func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, TopologyKey: topology}}}}
	}
}

func budget(name string, allowed int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
	}
}

// Nodes a and b have 4 CPUs each. The pod wants 2 of priority 10, if nothing else is said.
func TestFind(t *testing.T) {
	for name, tt := range map[string]struct {
		placed  []*v1.Pod
		budgets []*policyv1.PodDisruptionBudget
		pod     *v1.Pod
		node    string // "": no plan
		victims []string
	}{
		"the lowest priority goes":      {placed: []*v1.Pod{pod("x", "a", "4", 3), pod("y", "b", "4", 2)}, node: "b", victims: []string{"y"}},
		"nobody is low enough":          {placed: []*v1.Pod{pod("x", "a", "4", 10), pod("y", "b", "4", 20)}},
		"only as many as needed":        {placed: []*v1.Pod{pod("x", "a", "4", 10), pod("1", "b", "2", 1), pod("2", "b", "2", 1)}, node: "b", victims: []string{"2"}},
		"the less important of two":     {placed: []*v1.Pod{pod("x", "a", "4", 10), pod("1", "b", "2", 1), pod("2", "b", "2", 5)}, node: "b", victims: []string{"1"}},
		"the younger of two":            {placed: []*v1.Pod{pod("x", "a", "4", 10), pod("1", "b", "2", 1, started(time.Minute)), pod("2", "b", "2", 1, started(time.Hour))}, node: "b", victims: []string{"1"}},
		"fewer victims":                 {placed: []*v1.Pod{pod("x", "a", "4", 1), pod("1", "b", "1", 1), pod("2", "b", "1", 1), pod("3", "b", "2", 9), pod("4", "b", "0", 1)}, node: "a", victims: []string{"x"}},
		"what started last":             {placed: []*v1.Pod{pod("x", "a", "4", 1, started(time.Hour)), pod("y", "b", "4", 1, started(time.Minute))}, node: "b", victims: []string{"y"}},
		"the highest counts before sum": {placed: []*v1.Pod{pod("x", "a", "4", 5), pod("1", "b", "3", 4), pod("2", "b", "1", 4)}, node: "b", victims: []string{"1"}},
		"a budget before priorities":    {placed: []*v1.Pod{pod("x", "a", "4", 1, app("db")), pod("y", "b", "4", 9)}, budgets: []*policyv1.PodDisruptionBudget{budget("db", 0)}, node: "b", victims: []string{"y"}},
		"a budget that allows it":       {placed: []*v1.Pod{pod("x", "a", "4", 1, app("db")), pod("y", "b", "4", 9)}, budgets: []*policyv1.PodDisruptionBudget{budget("db", 1)}, node: "a", victims: []string{"x"}},
		"a budget is broken at last":    {placed: []*v1.Pod{pod("x", "a", "4", 1, app("db")), pod("y", "b", "4", 10)}, budgets: []*policyv1.PodDisruptionBudget{budget("db", 0)}, node: "a", victims: []string{"x"}},
		"the protected are put back first": {
			placed: []*v1.Pod{pod("x", "a", "4", 10), pod("1", "b", "2", 1, app("db")), pod("2", "b", "2", 5)}, budgets: []*policyv1.PodDisruptionBudget{budget("db", 0)},
			node: "b", victims: []string{"2"},
		},
		"anti-affinity on a node":           {placed: []*v1.Pod{pod("x", "a", "1", 1, app("db")), pod("y", "b", "4", 10)}, pod: pod("p", "", "2", 10, farFrom("db", v1.LabelHostname)), node: "a", victims: []string{"x"}},
		"victims of other nodes don't help": {placed: []*v1.Pod{pod("x", "a", "1", 1, app("db")), pod("y", "b", "1", 1, app("db"))}, pod: pod("p", "", "2", 10, farFrom("db", v1.LabelTopologyZone))},
		"no victims make it fit":            {placed: []*v1.Pod{pod("x", "a", "4", 1)}, pod: pod("p", "", "5", 10)},
	} {
		t.Run(name, func(t *testing.T) {
			s := view.NewState()
			for _, name := range []string{"a", "b"} {
				s.SetNode(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name, v1.LabelTopologyZone: "z"}},
					Status: v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("4"), v1.ResourcePods: resource.MustParse("10")}}})
			}
			for _, p := range tt.placed {
				s.SetPod(p)
			}
			if tt.pod == nil {
				tt.pod = pod("p", "", "2", 10)
			}
			for start := range 2 { // it doesn't matter where the search begins
				plan := Find(Question{
					Context: &filter.Context{State: s}, Filters: filter.All(), Pod: view.NewPod(tt.pod),
					Candidates: s.Nodes(), Budgets: tt.budgets, Start: start, Now: now,
				})
				if tt.node == "" {
					require.Nil(t, plan)
					continue
				}
				require.NotNil(t, plan)
				var victims []string
				for _, v := range plan.Victims {
					victims = append(victims, v.Name)
				}
				require.Equal(t, tt.node, plan.Node.Name)
				require.Equal(t, tt.victims, victims)
			}
		})
	}
}

func TestOneBudgetForTwoLosses(t *testing.T) {
	pods := []*view.Pod{view.NewPod(pod("1", "a", "1", 1, app("db"))), view.NewPod(pod("2", "a", "1", 1, app("db"))), view.NewPod(pod("3", "a", "1", 1))}
	protected, others := split(pods, []*policyv1.PodDisruptionBudget{budget("db", 1)})
	require.Equal(t, []*view.Pod{pods[1]}, protected)
	require.Equal(t, []*view.Pod{pods[0], pods[2]}, others)

	counted := budget("db", 0)
	counted.Status.DisruptedPods = map[string]metav1.Time{"1": {}}
	protected, _ = split(pods, []*policyv1.PodDisruptionBudget{counted})
	require.Equal(t, []*view.Pod{pods[1]}, protected, "a loss that is counted already is not counted again")
}

func TestWhoWaits(t *testing.T) {
	s := view.NewState()
	s.SetNode(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	p := view.NewPod(pod("p", "", "2", 10))
	require.Empty(t, NotEligible(s, p, s.Nodes()))
	s.Nominate(p, "a")
	s.SetPod(pod("v", "a", "1", 1))
	require.Empty(t, NotEligible(s, p, s.Nodes()))
	s.Doom("v", true)
	require.Equal(t, Waits, NotEligible(s, p, s.Nodes()), "its deletion was asked for")
	going := pod("v", "a", "1", 1)
	going.DeletionTimestamp = &metav1.Time{Time: now}
	s.SetPod(going)
	require.Empty(t, NotEligible(s, p, s.Nodes()), "somebody else's deletion")
	going = going.DeepCopy()
	going.Status.Conditions = []v1.PodCondition{{Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: v1.PodReasonPreemptionByScheduler}}
	s.SetPod(going)
	require.Equal(t, Waits, NotEligible(s, p, s.Nodes()))
	require.Empty(t, NotEligible(s, p, nil), "the node won't do any more, whoever leaves it")
}
