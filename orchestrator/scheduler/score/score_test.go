package score

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

type option = func(*v1.Pod)

func pod(name string, cpu, memory string, with ...option) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec: v1.PodSpec{Containers: []v1.Container{{Image: "app:1", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}}}}},
	}
	for _, f := range with {
		f(p)
	}
	return p
}

func on(node string) option { return func(p *v1.Pod) { p.Spec.NodeName = node } }

func like(weight int32, podAffinity bool) option {
	return func(p *v1.Pod) {
		terms := []v1.WeightedPodAffinityTerm{{Weight: weight, PodAffinityTerm: v1.PodAffinityTerm{
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, TopologyKey: v1.LabelHostname}}}
		if podAffinity {
			p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: terms}}
		} else {
			p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: terms}}
		}
	}
}

// Nodes a, b and c have 4 CPUs and 4 GiB each.
func TestScores(t *testing.T) {
	const mega = 1 << 20
	soft := func(p *v1.Pod) {
		p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: v1.LabelHostname,
			WhenUnsatisfiable: v1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}
	}
	prefers := func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.PreferredSchedulingTerm{
			{Weight: 40, Preference: v1.NodeSelectorTerm{MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{"a", "b"}}}}},
			{Weight: 40, Preference: v1.NodeSelectorTerm{MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{"a"}}}}},
		}}}
	}
	for name, tt := range map[string]struct {
		score  string
		nodeA  func(*v1.Node)
		placed []*v1.Pod
		pod    *v1.Pod
		want   []int64 // nil: all are the same
	}{
		"least allocated":          {score: "NodeResourcesFit", placed: []*v1.Pod{pod("o", "2", "1Gi", on("a"))}, pod: pod("p", "1", "1Gi"), want: []int64{37, 75, 75}},
		"least allocated, unnamed": {score: "NodeResourcesFit", placed: []*v1.Pod{pod("o", "0", "0", on("a"))}, pod: &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{}}}}, want: []int64{96, 96, 96}},
		"balanced":                 {score: "NodeResourcesBalancedAllocation", placed: []*v1.Pod{pod("o", "2", "0", on("a"))}, pod: pod("p", "1", "1Gi"), want: []int64{75, 100, 100}},
		"balanced, nothing asked":  {score: "NodeResourcesBalancedAllocation", pod: pod("p", "0", "0")},
		"taints":                   {score: "TaintToleration", nodeA: func(n *v1.Node) { n.Spec.Taints = []v1.Taint{{Key: "k", Effect: v1.TaintEffectPreferNoSchedule}} }, pod: pod("p", "0", "0"), want: []int64{0, 100, 100}},
		"no taints":                {score: "TaintToleration", pod: pod("p", "0", "0")},
		"node affinity":            {score: "NodeAffinity", pod: pod("p", "0", "0", prefers), want: []int64{100, 50, 0}},
		"spread":                   {score: "PodTopologySpread", placed: []*v1.Pod{pod("1", "0", "0", on("a")), pod("2", "0", "0", on("a")), pod("3", "0", "0", on("b"))}, pod: pod("p", "0", "0", soft), want: []int64{0, 33, 100}},
		"likes":                    {score: "InterPodAffinity", placed: []*v1.Pod{pod("1", "0", "0", on("a")), pod("2", "0", "0", on("a")), pod("3", "0", "0", on("b"))}, pod: pod("p", "0", "0", like(5, true)), want: []int64{100, 50, 0}},
		"dislikes":                 {score: "InterPodAffinity", placed: []*v1.Pod{pod("1", "0", "0", on("a"))}, pod: pod("p", "0", "0", like(5, false)), want: []int64{0, 100, 100}},
		"is liked":                 {score: "InterPodAffinity", placed: []*v1.Pod{pod("1", "0", "0", on("b"), like(5, true))}, pod: pod("p", "0", "0"), want: []int64{0, 100, 0}},
		"nobody cares":             {score: "InterPodAffinity", placed: []*v1.Pod{pod("1", "0", "0", on("b"))}, pod: pod("p", "0", "0")},
		"image": {score: "ImageLocality", nodeA: func(n *v1.Node) {
			n.Status.Images = []v1.ContainerImage{{Names: []string{"app:1"}, SizeBytes: 1500 * mega}}
		}, pod: pod("p", "0", "0"), want: []int64{48, 0, 0}},
		"image of another name": {score: "ImageLocality", nodeA: func(n *v1.Node) {
			n.Status.Images = []v1.ContainerImage{{Names: []string{"app:2"}, SizeBytes: 1500 * mega}}
		}, pod: pod("p", "0", "0")},
		"image, latest": {score: "ImageLocality", nodeA: func(n *v1.Node) {
			n.Status.Images = []v1.ContainerImage{{Names: []string{"r:5000/x:latest"}, SizeBytes: 9000 * mega}}
		}, pod: pod("p", "0", "0", func(p *v1.Pod) { p.Spec.Containers[0].Image = "r:5000/x" }), want: []int64{100, 0, 0}},
		"a preference that is none": {score: "NodeAffinity", pod: pod("p", "0", "0")},
	} {
		t.Run(name, func(t *testing.T) {
			s := view.NewState()
			for _, name := range []string{"a", "b", "c"} {
				n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{
					v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("4Gi"), v1.ResourcePods: resource.MustParse("10")}}}
				if name == "a" && tt.nodeA != nil {
					tt.nodeA(n)
				}
				s.SetNode(n)
			}
			for _, p := range tt.placed {
				s.SetPod(p)
			}
			c := &filter.Context{State: s}
			for _, score := range All() {
				if score.Name != tt.score {
					continue
				}
				out := make([]int64, 3)
				said := score.Rank(c, view.NewPod(tt.pod), s.Nodes(), out)
				require.Equal(t, tt.want != nil, said)
				if said {
					require.Equal(t, tt.want, out)
				}
				return
			}
			t.Fatalf("there is no score %s", tt.score)
		})
	}
}

func TestWeights(t *testing.T) {
	weights := map[string]int64{}
	for _, s := range All() {
		weights[s.Name] = s.Weight
	}
	require.Equal(t, map[string]int64{"TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2, "InterPodAffinity": 2,
		"NodeResourcesFit": 1, "NodeResourcesBalancedAllocation": 1, "ImageLocality": 1}, weights)
}

func TestSumWeighs(t *testing.T) {
	rank := func(values ...int64) func(*filter.Context, *view.Pod, []*view.Node, []int64) bool {
		return func(_ *filter.Context, _ *view.Pod, _ []*view.Node, out []int64) bool {
			return copy(out, values) > 0
		}
	}
	sums := []int64{9, 9}
	Sum([]Score{{"x", 3, rank(1, 2)}, {"y", 1, rank(10, 0)}, {"none", 5, rank()}}, nil, nil, nil, sums, make([]int64, 2))
	require.Equal(t, []int64{13, 6}, sums)
}
