package nodelifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"
)

// conditionTaints says which status of a condition keeps new pods off a node, by which taint.
var conditionTaints = map[v1.NodeConditionType]map[v1.ConditionStatus]string{
	v1.NodeReady: {
		v1.ConditionFalse: v1.TaintNodeNotReady, v1.ConditionUnknown: v1.TaintNodeUnreachable,
	},
	v1.NodeMemoryPressure:     {v1.ConditionTrue: v1.TaintNodeMemoryPressure},
	v1.NodeDiskPressure:       {v1.ConditionTrue: v1.TaintNodeDiskPressure},
	v1.NodePIDPressure:        {v1.ConditionTrue: v1.TaintNodePIDPressure},
	v1.NodeNetworkUnavailable: {v1.ConditionTrue: v1.TaintNodeNetworkUnavailable},
}

// ownedTaints are the NoSchedule taints that follow from a node's conditions, or from its spec.unschedulable. Others are the user's.
var ownedTaints = map[string]bool{
	v1.TaintNodeNotReady: true, v1.TaintNodeUnreachable: true, v1.TaintNodeMemoryPressure: true, v1.TaintNodeDiskPressure: true,
	v1.TaintNodePIDPressure: true, v1.TaintNodeNetworkUnavailable: true, v1.TaintNodeUnschedulable: true,
}

// tainter sets the taints that keep pods from being scheduled to a node.
type tainter struct {
	client kubernetes.Interface
	nodes  corelisters.NodeLister
	clock  clock.PassiveClock
}

func (t *tainter) sync(ctx context.Context, name string) error {
	node, err := t.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return replaceTaints(ctx, t.client, t.clock, node, noSchedule(node), func(taint *v1.Taint) bool {
		return taint.Effect == v1.TaintEffectNoSchedule && ownedTaints[taint.Key]
	})
}

// noSchedule are the taints that a node's conditions ask for.
func noSchedule(node *v1.Node) []v1.Taint {
	var taints []v1.Taint
	for i := range node.Status.Conditions {
		c := &node.Status.Conditions[i]
		if key, ok := conditionTaints[c.Type][c.Status]; ok {
			taints = append(taints, v1.Taint{Key: key, Effect: v1.TaintEffectNoSchedule})
		}
	}
	if node.Spec.Unschedulable {
		taints = append(taints, v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule})
	}
	return taints
}

// taintPatch is a merge patch of a node's taints. They are one list to the apiserver, so it fails if somebody else wrote the node
// meanwhile.
type taintPatch struct {
	Metadata taintPatchMeta `json:"metadata"`
	Spec     taintPatchSpec `json:"spec"`
}

type taintPatchMeta struct {
	ResourceVersion string `json:"resourceVersion,omitempty"`
}

type taintPatchSpec struct {
	Taints []v1.Taint `json:"taints"`
}

// replaceTaints makes want the only taints on a node among those that are mine. Those that stay keep the time when they were added.
func replaceTaints(ctx context.Context, client kubernetes.Interface, clock clock.PassiveClock, node *v1.Node,
	want []v1.Taint, mine func(*v1.Taint) bool,
) error {
	taints := make([]v1.Taint, 0, len(node.Spec.Taints)+len(want))
	changed := false
	for i := range node.Spec.Taints {
		if t := &node.Spec.Taints[i]; !mine(t) || contains(want, t) {
			taints = append(taints, *t)
		} else {
			changed = true
		}
	}
	for i := range want {
		if !contains(node.Spec.Taints, &want[i]) {
			added := now(clock)
			want[i].TimeAdded = &added
			taints = append(taints, want[i])
			changed = true
		}
	}
	if !changed {
		return nil
	}
	patch, err := json.Marshal(taintPatch{
		Metadata: taintPatchMeta{ResourceVersion: node.ResourceVersion}, Spec: taintPatchSpec{Taints: taints},
	})
	if err != nil {
		return fmt.Errorf("encode the taints of node %s: %w", node.Name, err)
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("taint node %s: %w", node.Name, err)
	}
	return nil
}

func contains(taints []v1.Taint, t *v1.Taint) bool {
	for i := range taints {
		if taints[i].MatchTaint(t) {
			return true
		}
	}
	return false
}

// isNoExecute tells that a node has one of the controller's NoExecute taints.
func isNoExecute(node *v1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t v1.Taint) bool { return evicts(&t) })
}

// evicts tells that a taint is one of the two by which the controller makes pods leave.
func evicts(t *v1.Taint) bool {
	return t.Effect == v1.TaintEffectNoExecute && (t.Key == v1.TaintNodeNotReady || t.Key == v1.TaintNodeUnreachable)
}
