package taintnodesbycondition

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func TestAdmit(t *testing.T) {
	notReady := corev1.Taint{Key: "node.kubernetes.io/not-ready", Effect: "NoSchedule"}
	noExecute := corev1.Taint{Key: "node.kubernetes.io/not-ready", Effect: "NoExecute"}
	mine := corev1.Taint{Key: "mine", Effect: "NoSchedule"}
	for name, tc := range map[string]struct{ given, want []corev1.Taint }{
		"none":           {nil, []corev1.Taint{notReady}},
		"its own":        {[]corev1.Taint{mine}, []corev1.Taint{mine, notReady}},
		"has it":         {[]corev1.Taint{notReady, mine}, []corev1.Taint{notReady, mine}},
		"another effect": {[]corev1.Taint{noExecute}, []corev1.Taint{noExecute, notReady}},
	} {
		t.Run(name, func(t *testing.T) {
			node := &corev1.Node{Spec: corev1.NodeSpec{Taints: tc.given}}
			require.NoError(t, admissiontest.Send(context.Background(), New(), admissiontest.Request{Object: node}))
			require.Equal(t, tc.want, node.Spec.Taints)
		})
	}
	t.Run("an update", func(t *testing.T) {
		node := &corev1.Node{}
		require.NoError(t, admissiontest.Send(context.Background(), New(), admissiontest.Request{Object: node, Old: node}))
		require.Empty(t, node.Spec.Taints)
	})
}
