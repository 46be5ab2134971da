package filter

import (
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
	"github.com/petcd/petcd/orchestrator/scheduler/volume"
)

// Context is what filters and scores decide from.
type Context struct {
	State      *view.State
	Namespaces corelisters.NamespaceLister
	Volumes    *volume.Binder
}

// NamespaceLabels implements view.NamespaceLabels.
func (c *Context) NamespaceLabels(name string) labels.Set {
	if c.Namespaces == nil {
		return nil
	}
	ns, err := c.Namespaces.Get(name)
	if err != nil {
		return nil // not known (yet): the pod waits for change.NamespaceLabels
	}
	return ns.Labels
}

// Refusal is why a node doesn't take a pod.
type Refusal struct {
	Reasons []string
	// Final tells that the node would refuse without its pods too.
	Final bool
}

// Check is the question of one filter for one pod.
type Check interface {
	// Refuses returns nil if the node will do.
	Refuses(n *view.Node) *Refusal
}

// CheckFunc is a Check that asks nothing of other nodes.
type CheckFunc func(n *view.Node) *Refusal

// Refuses implements Check.
func (f CheckFunc) Refuses(n *view.Node) *Refusal { return f(n) }

// Mover is a Check whose answer depends on pods of other nodes.
type Mover interface {
	// Move says that a pod is counted on a node, or no longer: by is 1 or -1.
	Move(p *view.Pod, n *view.Node, by int)
}

// Filter asks one kind of question.
type Filter struct {
	Name string
	// Helps are the changes that can turn a refusal into a yes.
	Helps change.Set
	// Ask returns the question for a pod; neither if there is none.
	Ask func(c *Context, p *view.Pod) (Check, *Refusal)
}

// All are the filters in the order in which they are asked: cheap ones first, as in Kubernetes, so that reasons are the same.
func All() []Filter {
	return []Filter{
		{Name: "NodeUnschedulable", Helps: change.NodeAdded | change.NodeTaints, Ask: unschedulable},
		{Name: "NodeName", Helps: change.NodeAdded, Ask: nodeName},
		{Name: "TaintToleration", Helps: change.NodeAdded | change.NodeTaints, Ask: taints},
		{Name: "NodeAffinity", Helps: change.NodeAdded | change.NodeLabels, Ask: nodeAffinity},
		{Name: "NodePorts", Helps: change.NodeAdded | change.PodGone, Ask: ports},
		{Name: "NodeResourcesFit", Helps: change.NodeAdded | change.NodeAllocatable | change.PodGone, Ask: resources},
		{Name: "VolumeBinding", Helps: change.NodeAdded | change.NodeLabels | change.Claim | change.Volume | change.Class, Ask: volumes},
		{Name: "PodTopologySpread", Helps: change.NodeAdded | change.NodeLabels | change.NodeTaints | change.NodeGone |
			change.PodPlaced | change.PodLabels | change.PodGone, Ask: spread},
		{Name: "InterPodAffinity", Helps: change.NodeAdded | change.NodeLabels | change.PodPlaced | change.PodLabels | change.PodGone |
			change.NamespaceLabels, Ask: podAffinity},
	}
}
