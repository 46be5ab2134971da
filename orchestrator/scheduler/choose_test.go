package scheduler

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/preempt"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// world draws clusters and pods from a seed.
type world struct{ *rand.Rand }

func (w world) chance(percent int) bool { return w.IntN(100) < percent }

func pick[T any](w world, from ...T) T { return from[w.IntN(len(from))] }

func (w world) node(i int) *v1.Node {
	n := makeNode(fmt.Sprintf("n%d", i))
	n.Labels[v1.LabelTopologyZone] = pick(w, "z1", "z2", "z3")
	n.Status.Allocatable = v1.ResourceList{
		v1.ResourceCPU: *resource.NewQuantity(w.Int64N(8)+1, resource.DecimalSI), v1.ResourceMemory: *resource.NewQuantity((w.Int64N(16)+1)<<30, resource.BinarySI),
		v1.ResourcePods: *resource.NewQuantity(w.Int64N(12)+1, resource.DecimalSI),
	}
	if w.chance(30) {
		n.Status.Allocatable["example.com/gpu"] = *resource.NewQuantity(w.Int64N(4), resource.DecimalSI)
	}
	if w.chance(10) {
		tainted("dedicated")(n)
	}
	n.Spec.Unschedulable = w.chance(5)
	return n
}

func (w world) pod(i int) *v1.Pod {
	p := makePod(fmt.Sprintf("p%d", i), fmt.Sprintf("%dm", w.IntN(2500)), priority(w.Int32N(4)), labeled("app", pick(w, "a", "b", "c")))
	c := &p.Spec.Containers[0]
	c.Resources.Requests[v1.ResourceMemory] = *resource.NewQuantity(w.Int64N(4)<<30, resource.BinarySI)
	if w.chance(10) {
		c.Resources.Requests["example.com/gpu"] = *resource.NewQuantity(w.Int64N(3), resource.DecimalSI)
	}
	if w.chance(20) {
		c.Ports = []v1.ContainerPort{{HostPort: pick[int32](w, 80, 443), Protocol: pick(w, v1.ProtocolTCP, v1.ProtocolUDP), HostIP: pick(w, "", "10.0.0.1", "10.0.0.2")}}
	}
	if w.chance(20) {
		p.Spec.Tolerations = []v1.Toleration{{Operator: v1.TolerationOpExists}}
	}
	same := &metav1.LabelSelector{MatchLabels: p.Labels}
	if w.chance(15) {
		term := []v1.PodAffinityTerm{{LabelSelector: same, TopologyKey: pick(w, v1.LabelHostname, v1.LabelTopologyZone)}}
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term}}
		if w.chance(30) {
			p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term}}
		}
	}
	if w.chance(15) {
		p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
			MaxSkew: 1 + w.Int32N(2), TopologyKey: v1.LabelTopologyZone, WhenUnsatisfiable: pick(w, v1.DoNotSchedule, v1.ScheduleAnyway), LabelSelector: same,
		}}
	}
	return p
}

// Random clusters are filled until nothing fits. Whatever happens, what must hold holds.
func TestNoNodeIsEverOvercommitted(t *testing.T) {
	for seed := range uint64(60) {
		w := world{rand.New(rand.NewPCG(seed, 7))}
		s := view.NewState()
		for i := range 2 + w.IntN(12) {
			s.SetNode(w.node(i))
		}
		c := newChooser(w.Rand)
		refusals := 0
		for i := range 80 {
			p := view.NewPod(w.pod(i))
			o := c.choose(s, p)
			if o.node != nil {
				s.Assume(p, o.node.Name)
				checkNode(t, seed, o.node)
				continue
			}
			refusals++
			checkRefusal(t, seed, s, p, &o)
			checkPlan(t, seed, &c, s, p, &o)
			if w.chance(20) && len(s.Nodes()) > 0 { // somebody leaves
				if n := pick(w, s.Nodes()...); len(n.Pods) > 0 {
					s.RemovePod(pick(w, n.Pods...).UID)
				}
			}
		}
		require.Positive(t, refusals, "seed %d: the clusters are too large to tell anything", seed)
	}
}

// checkNode counts anew, from the pods' own words, what the view keeps sums of.
func checkNode(t *testing.T, seed uint64, n *view.Node) {
	t.Helper()
	used := v1.ResourceList{}
	type port struct {
		number   int32
		protocol v1.Protocol
	}
	taken := map[port][]string{}
	for _, p := range n.Pods {
		for name, q := range p.Spec.Containers[0].Resources.Requests {
			sum := used[name]
			sum.Add(q)
			used[name] = sum
		}
		for _, cp := range p.Spec.Containers[0].Ports {
			key := port{cp.HostPort, cp.Protocol}
			for _, ip := range taken[key] {
				require.False(t, ip == cp.HostIP || ip == "" || cp.HostIP == "", "seed %d: port %v of %s is taken twice", seed, key, n.Name)
			}
			taken[key] = append(taken[key], cp.HostIP)
		}
	}
	for name, q := range used {
		all := n.Object.Status.Allocatable[name]
		require.LessOrEqual(t, q.Cmp(all), 0, "seed %d: %s of %s: %s of %s", seed, name, n.Name, q.String(), all.String())
	}
	require.LessOrEqual(t, int64(len(n.Pods)), n.AllowedPods, "seed %d", seed)
}

// checkRefusal wants a reason of every node, and a change to wait for.
func checkRefusal(t *testing.T, seed uint64, s *view.State, p *view.Pod, o *outcome) {
	t.Helper()
	said := map[string]bool{}
	for _, r := range o.refused {
		require.NotEmpty(t, r.why.Reasons, "seed %d", seed)
		said[r.node.Name] = true
	}
	require.Len(t, said, len(s.Nodes()), "seed %d: %s", seed, p.Name)
	require.Contains(t, o.message(), fmt.Sprintf("0/%d nodes are available: ", len(s.Nodes())))
	require.NotZero(t, o.helps)
}

// checkPlan carries a plan out on the state: the pod must fit then, and every victim must be needed.
func checkPlan(t *testing.T, seed uint64, c *chooser, s *view.State, p *view.Pod, o *outcome) {
	t.Helper()
	var candidates []*view.Node
	for _, r := range o.refused {
		if !r.why.Final {
			candidates = append(candidates, r.node)
		}
	}
	before := snapshot(s)
	plan := preempt.Find(preempt.Question{Context: &c.context, Filters: c.filters, Pod: p, Candidates: candidates})
	require.Equal(t, before, snapshot(s), "seed %d: thinking about it changed the cluster", seed)
	if plan == nil {
		return
	}
	fits := func() bool {
		checks, _, refusal := filter.Ask(&c.context, c.filters, p)
		require.Nil(t, refusal)
		_, why := checks.Refuses(plan.Node)
		return why == nil
	}
	for _, v := range plan.Victims {
		require.Less(t, v.Priority, p.Priority, "seed %d", seed)
		s.RemovePod(v.UID)
	}
	require.True(t, fits(), "seed %d: %s does not fit after preemption", seed, p.Name)
	for _, v := range plan.Victims {
		s.Assume(v, plan.Node.Name)
		require.False(t, fits(), "seed %d: %s need not go for %s", seed, v.Name, p.Name)
		s.RemovePod(v.UID)
	}
	for _, v := range plan.Victims {
		s.Assume(v, plan.Node.Name)
	}
}

func snapshot(s *view.State) map[string][]types.UID {
	out := map[string][]types.UID{}
	for _, n := range s.Nodes() {
		for _, p := range n.Pods {
			out[n.Name] = append(out[n.Name], p.UID)
		}
	}
	return out
}

func TestTheSameSeedChoosesTheSameNodes(t *testing.T) {
	run := func() (chosen []string) {
		w := world{rand.New(rand.NewPCG(3, 3))}
		s := view.NewState()
		for i := range 10 {
			s.SetNode(makeNode(fmt.Sprint(i)))
		}
		c := newChooser(w.Rand)
		for i := range 20 {
			p := view.NewPod(makePod(fmt.Sprint(i), "100m"))
			n := c.choose(s, p).node
			s.Assume(p, n.Name)
			chosen = append(chosen, n.Name)
		}
		return chosen
	}
	first := run()
	require.Equal(t, first, run())
	require.Len(t, slices.Collect(maps.Keys(count(first))), 10, "equals get one each")
}

func count(names []string) map[string]int {
	out := map[string]int{}
	for _, n := range names {
		out[n]++
	}
	return out
}

func TestHowManyNodesAreLookedAt(t *testing.T) {
	for nodes, want := range map[int]int{1: 1, 100: 100, 150: 100, 1000: 420, 5000: 500, 10000: 500} {
		require.Equal(t, want, enoughOf(nodes), nodes)
	}
}

func TestAllNodesGetTheirTurn(t *testing.T) {
	s := view.NewState()
	for i := range 300 {
		s.SetNode(makeNode(fmt.Sprint(i)))
	}
	c := newChooser(rand.New(rand.NewPCG(1, 1)))
	for i := range 300 {
		p := view.NewPod(makePod(fmt.Sprint(i), "3"))
		n := c.choose(s, p).node
		require.NotNil(t, n, "the last nodes that are free are found as well")
		s.Assume(p, n.Name)
	}
}

// BenchmarkChoose places 10,000 pods on 1,000 nodes, without an apiserver.
func BenchmarkChoose(b *testing.B) {
	kinds := map[string]func(*v1.Pod){
		"plain": func(*v1.Pod) {},
		"spread": func(p *v1.Pod) {
			p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: v1.LabelTopologyZone,
				WhenUnsatisfiable: v1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels}}}
		},
		"anti-affinity": func(p *v1.Pod) {
			p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels}, TopologyKey: v1.LabelHostname}}}}
		},
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		b.Run(name, func(b *testing.B) {
			var pods []*v1.Pod
			for i := range 10_000 {
				pods = append(pods, makePod(fmt.Sprintf("p%d", i), "100m", labeled("app", fmt.Sprintf("app%d", i/100)), kinds[name]))
			}
			for b.Loop() {
				s := view.NewState()
				for i := range 1000 {
					s.SetNode(makeNode(fmt.Sprintf("n%d", i), func(n *v1.Node) { n.Labels[v1.LabelTopologyZone] = fmt.Sprint("z", i%3) }))
				}
				c := newChooser(rand.New(rand.NewPCG(1, 1)))
				for _, o := range pods {
					p := view.NewPod(o)
					n := c.choose(s, p).node
					if n == nil {
						b.Fatal("no node")
					}
					s.Assume(p, n.Name)
				}
			}
			b.ReportMetric(float64(len(pods)*b.N)/b.Elapsed().Seconds(), "pods/s")
		})
	}
}
