package defaulttolerationseconds

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func TestAdmit(t *testing.T) {
	of := func(key string, effect corev1.TaintEffect, seconds *int64) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect, TolerationSeconds: seconds}
	}
	const noExecute = corev1.TaintEffectNoExecute
	notReady := of("node.kubernetes.io/not-ready", noExecute, ptr.To[int64](300))
	unreachable := of("node.kubernetes.io/unreachable", noExecute, ptr.To[int64](300))
	short := of("node.kubernetes.io/not-ready", noExecute, ptr.To[int64](5))
	noSchedule := of("node.kubernetes.io/not-ready", corev1.TaintEffectNoSchedule, nil)
	for name, tc := range map[string]struct{ given, want []corev1.Toleration }{
		"none":              {nil, []corev1.Toleration{notReady, unreachable}},
		"one of its own":    {[]corev1.Toleration{short}, []corev1.Toleration{short, unreachable}},
		"another effect":    {[]corev1.Toleration{noSchedule}, []corev1.Toleration{noSchedule, notReady, unreachable}},
		"everything":        {[]corev1.Toleration{of("", "", nil)}, []corev1.Toleration{of("", "", nil)}},
		"all NoExecute":     {[]corev1.Toleration{of("", noExecute, nil)}, []corev1.Toleration{of("", noExecute, nil)}},
		"a key, any effect": {[]corev1.Toleration{of(unreachable.Key, "", nil)}, []corev1.Toleration{of(unreachable.Key, "", nil), notReady}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: tc.given}}
			require.NoError(t, admissiontest.Send(context.Background(), New(), admissiontest.Request{Object: pod}))
			require.Equal(t, tc.want, pod.Spec.Tolerations)
		})
	}
	t.Run("a subresource", func(t *testing.T) {
		pod := &corev1.Pod{}
		require.NoError(t, admissiontest.Send(context.Background(), New(), admissiontest.Request{Object: pod, Old: pod, Subresource: "status"}))
		require.Empty(t, pod.Spec.Tolerations)
	})
}
