package priority

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func class(name string, value int32, isDefault bool) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, GlobalDefault: isDefault}
}

func pod(of string, priority *int32) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{PriorityClassName: of, Priority: priority}}
}

func TestPods(t *testing.T) {
	never := class("patient", 7, false)
	never.PreemptionPolicy = ptr.To(corev1.PreemptNever)
	for name, tc := range map[string]struct {
		classes  []runtime.Object
		pod      *corev1.Pod
		priority int32
		class    string
		policy   corev1.PreemptionPolicy
		err      string
	}{
		"no class":               {nil, pod("", nil), 0, "", corev1.PreemptLowerPriority, ""},
		"a class":                {[]runtime.Object{class("high", 1000, false)}, pod("high", nil), 1000, "high", corev1.PreemptLowerPriority, ""},
		"its policy":             {[]runtime.Object{never}, pod("patient", nil), 7, "patient", corev1.PreemptNever, ""},
		"the default":            {[]runtime.Object{class("d", 5, true), class("high", 1000, false)}, pod("", nil), 5, "d", corev1.PreemptLowerPriority, ""},
		"the lowest of defaults": {[]runtime.Object{class("b", 5, true), class("a", 3, true)}, pod("", nil), 3, "a", corev1.PreemptLowerPriority, ""},
		"the number it has":      {[]runtime.Object{class("high", 1000, false)}, pod("high", ptr.To[int32](1000)), 1000, "high", corev1.PreemptLowerPriority, ""},
		"another number":         {[]runtime.Object{class("high", 1000, false)}, pod("high", ptr.To[int32](1)), 0, "", "", "the integer value of priority (1) must not be provided in pod spec; priority admission controller computed 1000 from"},
		"no such class":          {nil, pod("none", nil), 0, "", "", `pods "p" is forbidden: no PriorityClass with name none was found`},
	} {
		t.Run(name, func(t *testing.T) {
			p := New()
			admissiontest.Start(t, p, tc.classes...)
			err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: tc.pod})
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.priority, *tc.pod.Spec.Priority)
			require.Equal(t, tc.class, tc.pod.Spec.PriorityClassName)
			require.Equal(t, tc.policy, *tc.pod.Spec.PreemptionPolicy)
		})
	}
}

// An update without the number, from a client that never knew it, keeps it though the class is gone.
func TestUpdateKeepsPriority(t *testing.T) {
	p := New()
	admissiontest.Start(t, p)
	updated := pod("gone", nil)
	require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: updated, Old: pod("gone", ptr.To[int32](9))}))
	require.Equal(t, int32(9), *updated.Spec.Priority)
}

func TestOneDefault(t *testing.T) {
	ctx := context.Background()
	p := New()
	admissiontest.Start(t, p, class("d", 5, true), class("other", 6, false))
	send := func(obj, old *schedulingv1.PriorityClass) error {
		r := admissiontest.Request{Object: obj, Resource: "priorityclasses.v1.scheduling.k8s.io"}
		if old != nil {
			r.Old = old
		}
		return admissiontest.Send(ctx, p, r)
	}
	require.NoError(t, send(class("new", 1, false), nil))
	require.ErrorContains(t, send(class("new", 1, true), nil), "PriorityClass d is already marked as default. Only one default can exist")
	require.ErrorContains(t, send(class("other", 6, true), class("other", 6, false)), "already marked as default")
	require.NoError(t, send(class("d", 5, true), class("d", 5, true)))
}
