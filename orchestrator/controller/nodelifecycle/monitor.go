package nodelifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	coordinationlisters "k8s.io/client-go/listers/coordination/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/component-helpers/node/topology"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// labelExcludeDisruption keeps a node out of the count that tells how its zone is.
const labelExcludeDisruption = "node.kubernetes.io/exclude-disruption"

// writers is how many statuses of nodes a pass writes in parallel. When a zone falls silent there are many.
const writers = 8

// monitor looks at all nodes in passes and remembers what one look cannot tell. Only one goroutine uses it, but for the writes of a pass.
type monitor struct {
	opts     Options
	client   kubernetes.Interface
	clock    clock.WithTicker
	recorder record.EventRecorder
	nodes    corelisters.NodeLister
	leases   coordinationlisters.LeaseLister
	mark     func(node string, failing bool) // says it to the node's pods, not waiting until it is done

	known map[types.UID]*heartbeat
	zones map[string]*zone
	lost  bool // every zone is fully disrupted
}

func newMonitor(env *controller.Env, o Options, mark func(node string, failing bool)) *monitor {
	return &monitor{
		opts: o, client: env.Client, clock: env.Clock, recorder: env.Recorder("node-controller"),
		nodes:  env.Informers.Core().V1().Nodes().Lister(),
		leases: env.Informers.Coordination().V1().Leases().Lister(),
		mark:   mark,
		known:  map[types.UID]*heartbeat{}, zones: map[string]*zone{},
	}
}

// seen is a node as it is in one pass.
type seen struct {
	node  *v1.Node
	ready v1.ConditionStatus
	zone  string
}

// pass looks at every node once: is it alive, how are the zones, which nodes shall wait for their NoExecute taint. An error about one
// node does not keep the others from being looked at.
func (m *monitor) pass(ctx context.Context) error {
	nodes, err := m.nodes.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	slices.SortFunc(nodes, func(a, b *v1.Node) int { return strings.Compare(a.Name, b.Name) })
	m.forget(nodes)

	// First all pulses, then what they mean: no node counts as silent because it took long to write about others.
	beats, taken := make([]*heartbeat, len(nodes)), m.clock.Now()
	for i, node := range nodes {
		beats[i] = m.beat(node)
	}
	looks, errs := make([]seen, len(nodes)), make([]error, len(nodes))
	workqueue.ParallelizeUntil(ctx, writers, len(nodes), func(i int) {
		looks[i] = seen{node: nodes[i], zone: topology.GetZoneKey(nodes[i])}
		looks[i].ready, errs[i] = m.judge(ctx, nodes[i], beats[i], taken)
	})
	if ctx.Err() != nil {
		return ctx.Err() // not all were judged
	}
	for i, beat := range beats {
		// Once for each time that a node fails: a kubelet that can still speak is free to say otherwise.
		if failing := looks[i].ready != v1.ConditionTrue; errs[i] == nil && failing != beat.podsMarked {
			beat.podsMarked = failing
			m.mark(beat.name, failing)
		}
	}
	m.assess(looks)
	for _, s := range looks {
		errs = append(errs, m.consider(ctx, s))
	}
	return errors.Join(errs...)
}

// forget drops what is known about nodes that are gone.
func (m *monitor) forget(nodes []*v1.Node) {
	here := make(map[types.UID]bool, len(nodes))
	for _, node := range nodes {
		here[node.UID] = true
	}
	for uid, beat := range m.known {
		if !here[uid] {
			ref := &v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: beat.name, UID: uid}
			m.recorder.Eventf(ref, v1.EventTypeNormal, "RemovingNode", "Node %s event: Removing Node %s from Controller",
				beat.name, beat.name)
			m.mark(beat.name, false)
			delete(m.known, uid)
		}
	}
}

// consider decides whether a node's pods shall leave it. One that is ready again loses its NoExecute taints at once, and one that has
// the wrong one of the two changes it at once; a node without any waits for its turn in the zone.
func (m *monitor) consider(ctx context.Context, s seen) error {
	z := m.zones[s.zone]
	want := noExecute(s.ready)
	if want == "" || m.lost {
		z.dequeue(s.node.Name)
		return m.setNoExecute(ctx, s.node, "")
	}
	if !isNoExecute(s.node) {
		z.enqueue(s.node.Name, want)
		return nil
	}
	z.dequeue(s.node.Name)
	return m.setNoExecute(ctx, s.node, want)
}

// evict taints the nodes whose turn has come. The next pass puts one for which that fails in the queue again: it was most likely
// changed since the cache has shown it, and the cache will be right by then.
func (m *monitor) evict(ctx context.Context) error {
	var errs []error
	for _, z := range m.zones {
		for {
			next, ok := z.next(m.clock.Now())
			if !ok {
				break
			}
			z.dequeue(next.node)
			node, err := m.nodes.Get(next.node)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err == nil {
				err = m.setNoExecute(ctx, node, next.taint)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			z.last = m.clock.Now()
		}
	}
	return errors.Join(errs...)
}

// setNoExecute makes key the only one of the controller's two NoExecute taints on a node, or takes both away.
func (m *monitor) setNoExecute(ctx context.Context, node *v1.Node, key string) error {
	var want []v1.Taint
	if key != "" {
		want = []v1.Taint{{Key: key, Effect: v1.TaintEffectNoExecute}}
	}
	return replaceTaints(ctx, m.client, m.clock, node, want, evicts)
}

// noExecute is the taint of a node whose Ready is so; none if its pods may stay.
func noExecute(ready v1.ConditionStatus) string {
	switch ready {
	case v1.ConditionFalse:
		return v1.TaintNodeNotReady
	case v1.ConditionUnknown:
		return v1.TaintNodeUnreachable
	}
	return ""
}

// assess brings the zones' states up to date.
func (m *monitor) assess(looks []seen) {
	census := map[string]*count{}
	for _, s := range looks {
		if _, ok := m.zones[s.zone]; !ok {
			m.zones[s.zone] = &zone{}
		}
		c, ok := census[s.zone]
		if !ok {
			c = &count{}
			census[s.zone] = c
		}
		if _, excluded := s.node.Labels[labelExcludeDisruption]; !excluded {
			c.add(s.ready)
		}
	}
	lost := len(census) > 0
	for name, z := range m.zones {
		c, ok := census[name]
		if !ok {
			delete(m.zones, name)
			continue
		}
		z.state = c.state(m.opts.UnhealthyZoneThreshold)
		z.rate = m.rate(z.state, c.nodes())
		lost = lost && z.state == fullDisruption
	}
	if m.lost && !lost {
		m.comeBack()
	}
	m.lost = lost
}

// rate is how many nodes a second a zone may lose.
func (m *monitor) rate(s state, nodes int) float32 {
	switch {
	case s != partialDisruption:
		return m.opts.EvictionRate
	case nodes > m.opts.LargeClusterSizeThreshold:
		return m.opts.SecondaryEvictionRate
	}
	return 0
}

// comeBack gives every node a whole grace period: it was this process, not the nodes, that saw no heartbeat.
func (m *monitor) comeBack() {
	for _, beat := range m.known {
		beat.at = m.clock.Now()
	}
	for _, z := range m.zones {
		z.last = m.clock.Now()
	}
}
