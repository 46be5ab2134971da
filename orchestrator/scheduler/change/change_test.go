package change

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOfNode(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*v1.Node)
		want   Set
	}{
		"heartbeat":           {func(n *v1.Node) { n.Status.Conditions = []v1.NodeCondition{{LastHeartbeatTime: metav1.Now()}} }, 0},
		"allocatable":         {func(n *v1.Node) { n.Status.Allocatable = v1.ResourceList{"cpu": resource.MustParse("2")} }, NodeAllocatable},
		"written another way": {func(n *v1.Node) { n.Status.Allocatable = v1.ResourceList{"cpu": resource.MustParse("1000m")} }, 0},
		"labels":              {func(n *v1.Node) { n.Labels = map[string]string{"a": "b"} }, NodeLabels},
		"cordoned":            {func(n *v1.Node) { n.Spec.Unschedulable = true }, NodeTaints},
		"taint":               {func(n *v1.Node) { n.Spec.Taints[0].Value = "x" }, NodeTaints},
		"two":                 {func(n *v1.Node) { n.Labels, n.Spec.Taints = map[string]string{"a": "b"}, nil }, NodeLabels | NodeTaints},
	} {
		t.Run(name, func(t *testing.T) {
			old := &v1.Node{Spec: v1.NodeSpec{Taints: []v1.Taint{{Key: "k"}}}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{"cpu": resource.MustParse("1")}}}
			now := old.DeepCopy()
			tt.change(now)
			require.Equal(t, tt.want, OfNode(old, now))
		})
	}
}

func TestAllIsEveryKind(t *testing.T) {
	for _, s := range []Set{NodeAdded, NodeGone, PodGone, NamespaceLabels} {
		require.True(t, All.Has(s))
	}
	require.False(t, Set(0).Has(All))
	require.Equal(t, 2*NamespaceLabels-1, All)
}
