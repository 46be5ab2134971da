package nodeipam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/petcd/petcd/orchestrator/controller"
)

// notAvailable is the reason of the event about a node that found no range.
const notAvailable = "CIDRNotAvailable"

var errNotAvailable = errors.New("no range of pod addresses is left")

// allocator gives ranges to nodes. Its keys are nodes. One goroutine alone syncs them: two might find the same range free.
type allocator struct {
	client kubernetes.Interface
	nodes  corelisters.NodeLister
	events record.EventRecorder
	loop   *controller.Loop

	pools []*Pool
	// given is what nodes were given that the cache does not show yet.
	given map[string][]netip.Prefix
}

// New returns the controller, which takes ranges from the pools.
func New(env *controller.Env, pools []*Pool) controller.Runner {
	a := newAllocator(env, pools)
	nodes := env.Informers.Core().V1().Nodes()
	a.loop = controller.NewLoop("node-ipam-controller", 1, a.sync, nodes.Informer().HasSynced)
	controller.Any(func(n *v1.Node) { a.loop.Enqueue(n) }).Watch(nodes.Informer())
	return a.loop
}

func newAllocator(env *controller.Env, pools []*Pool) *allocator {
	return &allocator{
		client: env.Client, nodes: env.Informers.Core().V1().Nodes().Lister(), events: env.Recorder("cidrAllocator"),
		pools: pools, given: map[string][]netip.Prefix{},
	}
}

func (a *allocator) sync(ctx context.Context, name string) error {
	node, err := a.nodes.Get(name)
	switch {
	case apierrors.IsNotFound(err):
		delete(a.given, name)
		return a.wakeWaiting()
	case err != nil:
		return fmt.Errorf("node %s: %w", name, err)
	case hasRange(node):
		delete(a.given, name)
		return nil
	}
	if len(a.given[name]) == 0 {
		ranges, err := a.take()
		if errors.Is(err, errNotAvailable) {
			ref := &v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: node.Name, UID: node.UID}
			a.events.Eventf(ref, v1.EventTypeNormal, notAvailable, "Node %s status is now: %s", node.Name, notAvailable)
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		a.given[name] = ranges
	}
	// What was given stays given when this fails: it may have come about all the same, and the next try asks for the same again.
	return a.tell(ctx, node, a.given[name])
}

// take finds a range of each family.
func (a *allocator) take() ([]netip.Prefix, error) {
	all, err := a.nodes.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	var taken, ranges []netip.Prefix
	for _, n := range all {
		taken = append(taken, rangesOf(n)...)
	}
	for _, g := range a.given {
		taken = append(taken, g...)
	}
	for _, p := range a.pools {
		r, ok := p.take(taken)
		if !ok {
			return nil, fmt.Errorf("%w in %v", errNotAvailable, p.cluster)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// tell writes the ranges into the node. The UID keeps another node of that name from getting what this one was promised.
func (a *allocator) tell(ctx context.Context, node *v1.Node, ranges []netip.Prefix) error {
	texts := make([]string, 0, len(ranges))
	for _, r := range ranges {
		texts = append(texts, r.String())
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID},
		"spec":     map[string]any{"podCIDR": texts[0], "podCIDRs": texts},
	})
	if err != nil {
		return fmt.Errorf("node %s: %w", node.Name, err)
	}
	_, err = a.client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil // its deletion frees what it was given
	}
	if err != nil {
		return fmt.Errorf("node %s: pod ranges: %w", node.Name, err)
	}
	return nil
}

// wakeWaiting queues the nodes that have no range, for one may be free now.
func (a *allocator) wakeWaiting() error {
	all, err := a.nodes.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	for _, n := range all {
		if !hasRange(n) {
			a.loop.Add(n.Name)
		}
	}
	return nil
}

func hasRange(n *v1.Node) bool { return n.Spec.PodCIDR != "" || len(n.Spec.PodCIDRs) > 0 }

// rangesOf are the ranges that a node has, whoever gave them. What cannot be read cannot be taken either.
func rangesOf(n *v1.Node) (ranges []netip.Prefix) {
	for _, text := range append([]string{n.Spec.PodCIDR}, n.Spec.PodCIDRs...) {
		if p, err := netip.ParsePrefix(text); err == nil {
			ranges = append(ranges, p.Masked())
		}
	}
	return ranges
}
