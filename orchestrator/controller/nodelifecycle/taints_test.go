package nodelifecycle

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func TestNoScheduleTaints(t *testing.T) {
	condition := func(typ v1.NodeConditionType, status v1.ConditionStatus) func(*v1.Node) {
		return func(n *v1.Node) {
			n.Status.Conditions = append(n.Status.Conditions, v1.NodeCondition{Type: typ, Status: status})
		}
	}
	taint := func(key string, effect v1.TaintEffect) func(*v1.Node) {
		return func(n *v1.Node) { n.Spec.Taints = append(n.Spec.Taints, v1.Taint{Key: key, Effect: effect}) }
	}
	for name, c := range map[string]struct {
		node []func(*v1.Node)
		want []string
	}{
		"nothing": {nil, []string{}},
		"not ready": {
			[]func(*v1.Node){condition(v1.NodeReady, v1.ConditionFalse)}, []string{"node.kubernetes.io/not-ready:NoSchedule"},
		},
		"unreachable": {
			[]func(*v1.Node){condition(v1.NodeReady, v1.ConditionUnknown)},
			[]string{"node.kubernetes.io/unreachable:NoSchedule"},
		},
		"memory pressure": {
			[]func(*v1.Node){condition(v1.NodeMemoryPressure, v1.ConditionTrue)},
			[]string{"node.kubernetes.io/memory-pressure:NoSchedule"},
		},
		"disk pressure": {
			[]func(*v1.Node){condition(v1.NodeDiskPressure, v1.ConditionTrue)},
			[]string{"node.kubernetes.io/disk-pressure:NoSchedule"},
		},
		"pid pressure": {
			[]func(*v1.Node){condition(v1.NodePIDPressure, v1.ConditionTrue)},
			[]string{"node.kubernetes.io/pid-pressure:NoSchedule"},
		},
		"no network": {
			[]func(*v1.Node){condition(v1.NodeNetworkUnavailable, v1.ConditionTrue)},
			[]string{"node.kubernetes.io/network-unavailable:NoSchedule"},
		},
		"pressure unknown": {[]func(*v1.Node){condition(v1.NodeMemoryPressure, v1.ConditionUnknown)}, []string{}},
		"cordoned": {
			[]func(*v1.Node){func(n *v1.Node) { n.Spec.Unschedulable = true }},
			[]string{"node.kubernetes.io/unschedulable:NoSchedule"},
		},
		"what is over goes, what is not ours stays": {
			[]func(*v1.Node){
				condition(v1.NodeReady, v1.ConditionTrue), taint(v1.TaintNodeNotReady, v1.TaintEffectNoSchedule),
				taint(v1.TaintNodeNotReady, v1.TaintEffectNoExecute), taint("dedicated", v1.TaintEffectNoSchedule),
			},
			[]string{notReadyExecute, "dedicated:NoSchedule"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			node := &v1.Node{}
			node.Name = "a"
			for _, f := range c.node {
				f(node)
			}
			w := &world{Cluster: controllertest.New(t, node), t: t}
			w.Refresh()
			tt := &tainter{client: w.Client, nodes: w.Informers.Core().V1().Nodes().Lister(), clock: w.Cluster.Clock}
			require.NoError(t, tt.sync(context.Background(), "a"))
			require.Equal(t, c.want, taintsOf(w.get("a")))

			w.Refresh()
			w.Writes()
			require.NoError(t, tt.sync(context.Background(), "a"))
			require.Empty(t, w.Writes(), "once is enough")
			require.NoError(t, tt.sync(context.Background(), "gone"))
		})
	}
}
