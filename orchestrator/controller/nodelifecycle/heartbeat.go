package nodelifecycle

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	nodeutil "k8s.io/component-helpers/node/util"
	"k8s.io/utils/clock"
)

// heartbeat is the last sign of life of a node.
type heartbeat struct {
	name       string
	at         time.Time // when it was seen, on the own clock
	status     time.Time // the heartbeat in Ready
	posted     bool      // Ready has been there
	lease      types.UID
	renewed    time.Time // the Lease's renewTime
	podsMarked bool      // its pods are being told that it fails
}

// beat takes a node's pulse.
func (m *monitor) beat(node *v1.Node) *heartbeat {
	b, ok := m.known[node.UID]
	if !ok {
		b = &heartbeat{name: node.Name, at: m.clock.Now()}
		m.known[node.UID] = b
		m.recorder.Eventf(node, v1.EventTypeNormal, "RegisteredNode", "Node %s event: Registered Node %s in Controller",
			node.Name, node.Name)
	}
	_, c := nodeutil.GetNodeCondition(&node.Status, v1.NodeReady)
	if c != nil && (!b.posted || !c.LastHeartbeatTime.Time.Equal(b.status)) {
		b.posted, b.status, b.at = true, c.LastHeartbeatTime.Time, m.clock.Now()
	}
	lease, err := m.leases.Leases(v1.NamespaceNodeLease).Get(node.Name)
	if err == nil && lease.Spec.RenewTime != nil {
		renewed := lease.Spec.RenewTime.Time
		// A node's clock may be set back. But another lease with an earlier time is an old one made anew, not a sign of life.
		if renewed.After(b.renewed) || (lease.UID == b.lease && !renewed.Equal(b.renewed)) {
			b.at = m.clock.Now()
		}
		b.lease, b.renewed = lease.UID, renewed
	}
	return b
}

// judged are the conditions that only the kubelet can know.
var judged = []v1.NodeConditionType{v1.NodeReady, v1.NodeMemoryPressure, v1.NodeDiskPressure, v1.NodePIDPressure}

// judge returns how a node's Ready is, after setting the conditions of one that is silent to Unknown. taken is when its pulse was taken.
func (m *monitor) judge(ctx context.Context, node *v1.Node, b *heartbeat, taken time.Time) (v1.ConditionStatus, error) {
	grace := m.opts.MonitorGracePeriod
	if !b.posted {
		grace = m.opts.StartupGracePeriod
	}
	ready := readiness(node)
	if taken.Sub(b.at) <= grace {
		return ready, nil
	}
	silent := node.DeepCopy()
	if !silence(silent, m.clock) {
		return ready, nil
	}
	if _, err := m.client.CoreV1().Nodes().UpdateStatus(ctx, silent, metav1.UpdateOptions{}); err != nil {
		return ready, fmt.Errorf("set the conditions of node %s to unknown: %w", node.Name, err)
	}
	if ready == v1.ConditionTrue {
		m.recorder.Eventf(node, v1.EventTypeNormal, "NodeNotReady", "Node %s status is now: %s", node.Name, "NodeNotReady")
	}
	return v1.ConditionUnknown, nil
}

// silence sets the judged conditions to Unknown. It returns false if they are so already.
func silence(node *v1.Node, clock clock.PassiveClock) (changed bool) {
	for _, typ := range judged {
		_, c := nodeutil.GetNodeCondition(&node.Status, typ)
		switch {
		case c == nil:
			node.Status.Conditions = append(node.Status.Conditions, v1.NodeCondition{
				Type: typ, Status: v1.ConditionUnknown, Reason: "NodeStatusNeverUpdated", Message: "Kubelet never posted node status.",
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: now(clock),
			})
			changed = true
		case c.Status != v1.ConditionUnknown:
			c.Status, c.Reason, c.Message = v1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
			c.LastTransitionTime = now(clock)
			changed = true
		}
	}
	return changed
}

// readiness is the status of a node's Ready; Unknown while it has none.
func readiness(node *v1.Node) v1.ConditionStatus {
	if _, c := nodeutil.GetNodeCondition(&node.Status, v1.NodeReady); c != nil {
		return c.Status
	}
	return v1.ConditionUnknown
}

func now(c clock.PassiveClock) metav1.Time { return metav1.NewTime(c.Now()) }
