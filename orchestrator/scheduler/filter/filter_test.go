package filter

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// Nodes a and b are in zone z1, c in z2, and d has no zone.
func testState() *view.State {
	s := view.NewState()
	for name, zone := range map[string]string{"a": "z1", "b": "z1", "c": "z2", "d": ""} {
		n := &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
			Status: v1.NodeStatus{Allocatable: v1.ResourceList{
				v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("4Gi"), v1.ResourcePods: resource.MustParse("3"),
			}},
		}
		if zone != "" {
			n.Labels[v1.LabelTopologyZone] = zone
		}
		s.SetNode(n)
	}
	return s
}

func pod(name string, with ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c"}}},
	}
	for _, f := range with {
		f(p)
	}
	return p
}

type option = func(*v1.Pod)

func on(node string) option { return func(p *v1.Pod) { p.Spec.NodeName = node } }

func asks(name v1.ResourceName, q string) option {
	return func(p *v1.Pod) {
		p.Spec.Containers[0].Resources.Requests = v1.ResourceList{name: resource.MustParse(q)}
	}
}

func hostPort(number int32, protocol v1.Protocol, ip string) option {
	return func(p *v1.Pod) {
		p.Spec.Containers[0].Ports = []v1.ContainerPort{{HostPort: number, Protocol: protocol, HostIP: ip}}
	}
}

func app(name string) option { return func(p *v1.Pod) { p.Labels = map[string]string{"app": name} } }

func namespace(name string) option { return func(p *v1.Pod) { p.Namespace = name } }

func selector(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
}

func near(app, topology string) option {
	return func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{LabelSelector: selector(app), TopologyKey: topology}}}}
	}
}

func far(app, topology string, with ...func(*v1.PodAffinityTerm)) option {
	return func(p *v1.Pod) {
		t := v1.PodAffinityTerm{LabelSelector: selector(app), TopologyKey: topology}
		for _, f := range with {
			f(&t)
		}
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{t}}}
	}
}

func spreads(skew int32, topology string, with ...func(*v1.TopologySpreadConstraint)) option {
	return func(p *v1.Pod) {
		c := v1.TopologySpreadConstraint{MaxSkew: skew, TopologyKey: topology, WhenUnsatisfiable: v1.DoNotSchedule, LabelSelector: selector("web")}
		for _, f := range with {
			f(&c)
		}
		p.Spec.TopologySpreadConstraints = append(p.Spec.TopologySpreadConstraints, c)
	}
}

func requires(op v1.NodeSelectorOperator, key string, values ...string) option {
	return func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
			NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{{Key: key, Operator: op, Values: values}}}}}}}
	}
}

const (
	unschedulableText = "node(s) were unschedulable"
	taintText         = "node(s) had untolerated taint(s)"
	affinityText      = "node(s) didn't match Pod's node affinity/selector"
	portText          = "node(s) didn't have free ports for the requested pod ports"
	skewText          = "node(s) didn't match pod topology spread constraints"
	noDomainText      = "node(s) didn't match pod topology spread constraints (missing required label)"
	nearText          = "node(s) didn't match pod affinity rules"
	farText           = "node(s) didn't match pod anti-affinity rules"
	othersText        = "node(s) didn't satisfy existing pods anti-affinity rules"
)

func TestFilters(t *testing.T) {
	everywhere := func(reason string) map[string]string {
		return map[string]string{"a": reason, "b": reason, "c": reason, "d": reason}
	}
	taint := func(effect v1.TaintEffect) func(*v1.Node) {
		return func(n *v1.Node) { n.Spec.Taints = []v1.Taint{{Key: "k", Value: "v", Effect: effect}} }
	}
	for name, tt := range map[string]struct {
		node   func(*v1.Node) // changes node a
		placed []*v1.Pod
		pod    []option
		want   map[string]string // reasons by node; a node that isn't named will do
		final  bool              // of all refusals
	}{
		"nothing asked": {},

		"cordoned":           {node: func(n *v1.Node) { n.Spec.Unschedulable = true }, want: map[string]string{"a": unschedulableText}, final: true},
		"cordoned, accepted": {node: func(n *v1.Node) { n.Spec.Unschedulable = true }, pod: []option{tolerates(v1.TaintNodeUnschedulable)}},
		"by name":            {pod: []option{on("a")}, want: map[string]string{"b": isOtherName.Reasons[0], "c": isOtherName.Reasons[0], "d": isOtherName.Reasons[0]}, final: true},

		"tainted":             {node: taint(v1.TaintEffectNoSchedule), want: map[string]string{"a": taintText}, final: true},
		"tainted, NoExecute":  {node: taint(v1.TaintEffectNoExecute), want: map[string]string{"a": taintText}, final: true},
		"tainted, preference": {node: taint(v1.TaintEffectPreferNoSchedule)},
		"tainted, tolerated":  {node: taint(v1.TaintEffectNoSchedule), pod: []option{tolerates("k")}},

		"selector": {
			pod:  []option{func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{v1.LabelTopologyZone: "z1"} }},
			want: map[string]string{"c": affinityText, "d": affinityText}, final: true,
		},
		"affinity NotIn":        {pod: []option{requires(v1.NodeSelectorOpNotIn, v1.LabelTopologyZone, "z1")}, want: map[string]string{"a": affinityText, "b": affinityText}, final: true},
		"affinity DoesNotExist": {pod: []option{requires(v1.NodeSelectorOpDoesNotExist, v1.LabelTopologyZone)}, want: map[string]string{"a": affinityText, "b": affinityText, "c": affinityText}, final: true},
		"affinity unreadable":   {pod: []option{requires("Sideways", "x", "y")}, want: everywhere(affinityText), final: true},

		"port taken":                 {placed: []*v1.Pod{pod("o", on("a"), hostPort(80, "TCP", ""))}, pod: []option{hostPort(80, "TCP", "")}, want: map[string]string{"a": portText}},
		"port on an address":         {placed: []*v1.Pod{pod("o", on("a"), hostPort(80, "TCP", "10.0.0.1"))}, pod: []option{hostPort(80, "TCP", "")}, want: map[string]string{"a": portText}},
		"port on another address":    {placed: []*v1.Pod{pod("o", on("a"), hostPort(80, "TCP", "10.0.0.1"))}, pod: []option{hostPort(80, "TCP", "10.0.0.2")}},
		"port of another protocol":   {placed: []*v1.Pod{pod("o", on("a"), hostPort(80, "TCP", ""))}, pod: []option{hostPort(80, "UDP", "")}},
		"port, protocol by default":  {placed: []*v1.Pod{pod("o", on("a"), hostPort(80, "", ""))}, pod: []option{hostPort(80, "TCP", "0.0.0.0")}, want: map[string]string{"a": portText}},
		"container port is no claim": {placed: []*v1.Pod{pod("o", on("a"), hostPort(0, "TCP", ""))}, pod: []option{hostPort(0, "TCP", "")}},

		"CPU taken":       {placed: []*v1.Pod{pod("o", on("a"), asks("cpu", "1500m"))}, pod: []option{asks("cpu", "600m")}, want: map[string]string{"a": "Insufficient cpu"}},
		"CPU just enough": {placed: []*v1.Pod{pod("o", on("a"), asks("cpu", "1500m"))}, pod: []option{asks("cpu", "500m")}},
		"too much memory": {pod: []option{asks("memory", "5Gi")}, want: everywhere("Insufficient memory"), final: true},
		"no such resource": {
			node: func(n *v1.Node) { n.Status.Allocatable["x/gpu"] = resource.MustParse("1") }, pod: []option{asks("x/gpu", "1")},
			want: map[string]string{"b": "Insufficient x/gpu", "c": "Insufficient x/gpu", "d": "Insufficient x/gpu"}, final: true,
		},
		"too many pods": {placed: []*v1.Pod{pod("1", on("a")), pod("2", on("a")), pod("3", on("a"))}, want: map[string]string{"a": "Too many pods"}},
		"init containers": {
			pod:  []option{func(p *v1.Pod) { p.Spec.InitContainers = pod("", asks("cpu", "3")).Spec.Containers }},
			want: everywhere("Insufficient cpu"), final: true,
		},

		"spread over zones":                 {placed: []*v1.Pod{pod("o", on("a"))}, pod: []option{spreads(1, v1.LabelTopologyZone)}, want: map[string]string{"a": skewText, "b": skewText, "d": noDomainText}},
		"spread, skew of 2":                 {placed: []*v1.Pod{pod("o", on("a"))}, pod: []option{spreads(2, v1.LabelTopologyZone)}, want: map[string]string{"d": noDomainText}, final: true},
		"spread, others don't count":        {placed: []*v1.Pod{pod("o", on("a"), app("db")), pod("n", on("a"), namespace("x"))}, pod: []option{spreads(1, v1.LabelHostname)}},
		"spread, terminating doesn't count": {placed: []*v1.Pod{pod("o", on("a"), func(p *v1.Pod) { p.DeletionTimestamp = &metav1.Time{} })}, pod: []option{spreads(1, v1.LabelHostname)}},
		"spread, soft":                      {placed: []*v1.Pod{pod("o", on("a"))}, pod: []option{spreads(1, v1.LabelTopologyZone, func(c *v1.TopologySpreadConstraint) { c.WhenUnsatisfiable = v1.ScheduleAnyway })}},
		"spread, too few domains": {
			placed: []*v1.Pod{pod("o", on("a")), pod("q", on("c"))},
			pod:    []option{spreads(1, v1.LabelTopologyZone, func(c *v1.TopologySpreadConstraint) { n := int32(3); c.MinDomains = &n })},
			want:   map[string]string{"a": skewText, "b": skewText, "c": skewText, "d": noDomainText},
		},
		"spread, only where it may go": {
			placed: []*v1.Pod{pod("o", on("a"))}, pod: []option{spreads(1, v1.LabelHostname), requires(v1.NodeSelectorOpIn, v1.LabelHostname, "a", "b")},
			want: map[string]string{"a": skewText, "c": affinityText, "d": affinityText},
		},
		"spread, label keys": {
			placed: []*v1.Pod{pod("o", on("a"), func(p *v1.Pod) { p.Labels["hash"] = "1" })},
			pod: []option{func(p *v1.Pod) { p.Labels["hash"] = "2" },
				spreads(1, v1.LabelHostname, func(c *v1.TopologySpreadConstraint) { c.MatchLabelKeys = []string{"hash"} })},
		},

		"near":                   {placed: []*v1.Pod{pod("o", on("a"), app("db"))}, pod: []option{near("db", v1.LabelTopologyZone)}, want: map[string]string{"c": nearText, "d": nearText}, final: true},
		"near nobody":            {pod: []option{near("db", v1.LabelTopologyZone)}, want: everywhere(nearText), final: true},
		"near itself, first":     {pod: []option{near("web", v1.LabelTopologyZone)}, want: map[string]string{"d": nearText}, final: true},
		"near, other namespace":  {placed: []*v1.Pod{pod("o", on("a"), app("db"), namespace("x"))}, pod: []option{near("db", v1.LabelHostname)}, want: everywhere(nearText), final: true},
		"far":                    {placed: []*v1.Pod{pod("o", on("a"), app("db"))}, pod: []option{far("db", v1.LabelTopologyZone)}, want: map[string]string{"a": farText, "b": farText}},
		"far, without the label": {placed: []*v1.Pod{pod("o", on("d"), app("db"))}, pod: []option{far("db", v1.LabelTopologyZone)}},
		"far, by namespace labels": {
			placed: []*v1.Pod{pod("o", on("a"), app("db"), namespace("prod")), pod("q", on("c"), app("db"), namespace("unknown"))},
			pod: []option{far("db", v1.LabelHostname, func(t *v1.PodAffinityTerm) {
				t.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}
			})},
			want: map[string]string{"a": farText},
		},
		"others want it far": {placed: []*v1.Pod{pod("o", on("a"), app("db"), far("web", v1.LabelHostname))}, want: map[string]string{"a": othersText}},
		"others don't care":  {placed: []*v1.Pod{pod("o", on("a"), far("db", v1.LabelHostname))}},
		"selector absent":    {placed: []*v1.Pod{pod("o", on("a"))}, pod: []option{far("x", v1.LabelHostname, func(t *v1.PodAffinityTerm) { t.LabelSelector = nil })}},
	} {
		t.Run(name, func(t *testing.T) {
			s := testState()
			if tt.node != nil {
				o := s.Node("a").Object.DeepCopy()
				tt.node(o)
				s.SetNode(o)
			}
			for _, p := range tt.placed {
				s.SetPod(p)
			}
			got, final := ask(t, s, view.NewPod(pod("p", tt.pod...)))
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			require.Equal(t, tt.want, got)
			if len(got) > 0 {
				require.Equal(t, tt.final, final)
			}
		})
	}
}

func tolerates(key string) option {
	return func(p *v1.Pod) { p.Spec.Tolerations = []v1.Toleration{{Key: key, Operator: v1.TolerationOpExists}} }
}

// testContext knows a namespace with a label.
func testContext(t *testing.T, s *view.State) *Context {
	t.Helper()
	known := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	require.NoError(t, known.Add(&v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "prod", Labels: map[string]string{"env": "prod"}}}))
	return &Context{State: s, Namespaces: corelisters.NewNamespaceLister(known)}
}

// ask returns the first reason of each node that refuses, and whether all refusals are final.
func ask(t *testing.T, s *view.State, p *view.Pod) (map[string]string, bool) {
	t.Helper()
	checks, _, refusal := Ask(testContext(t, s), All(), p)
	require.Nil(t, refusal)
	got, final := map[string]string{}, true
	for _, n := range s.Nodes() {
		if _, why := checks.Refuses(n); why != nil {
			got[n.Name] = why.Reasons[0]
			final = final && why.Final
		}
	}
	return got, final
}

// Pods that come first count where they are nominated, for the rest of the cluster too; others don't.
func TestNominatedPods(t *testing.T) {
	prio := func(n int32) option { return func(p *v1.Pod) { p.Spec.Priority = &n } }
	s := testState()
	s.Nominate(view.NewPod(pod("high", asks("cpu", "2"), prio(10))), "a")
	s.Nominate(view.NewPod(pod("low", asks("cpu", "2"), prio(1))), "b")
	got, _ := ask(t, s, view.NewPod(pod("p", asks("cpu", "1"), prio(5))))
	require.Equal(t, map[string]string{"a": "Insufficient cpu"}, got)

	// One that would like to be near a nominated pod can't count on it.
	s = testState()
	s.Nominate(view.NewPod(pod("db", app("db"), prio(10))), "a")
	got, _ = ask(t, s, view.NewPod(pod("p", near("db", v1.LabelHostname))))
	require.Len(t, got, 4)
}

// What-if questions leave the counts as they were.
func TestPutAndTake(t *testing.T) {
	s := testState()
	o := view.NewPod(pod("o", on("a"), app("db")))
	s.Assume(o, "a")
	checks, _, _ := Ask(testContext(t, s), All(), view.NewPod(pod("p", far("db", v1.LabelTopologyZone))))
	refuses := func(name string) bool { _, why := checks.Refuses(s.Node(name)); return why != nil }
	require.True(t, refuses("b"))
	clone := s.Node("a").Clone()
	checks.Take(o, clone)
	require.False(t, refuses("b"), "the whole zone is free without it")
	checks.Put(o, clone)
	require.True(t, refuses("b"))
	require.Len(t, s.Node("a").Pods, 1)
}
