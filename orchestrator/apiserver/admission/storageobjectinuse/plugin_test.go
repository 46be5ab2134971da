package storageobjectinuse

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func TestAdmit(t *testing.T) {
	with := func(finalizers ...string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: "x", Finalizers: finalizers}
	}
	for name, tc := range map[string]struct {
		obj  runtime.Object
		want []string
	}{
		"a volume":              {&corev1.PersistentVolume{ObjectMeta: with()}, []string{"kubernetes.io/pv-protection"}},
		"a claim":               {&corev1.PersistentVolumeClaim{ObjectMeta: with("mine")}, []string{"mine", "kubernetes.io/pvc-protection"}},
		"a claim that has it":   {&corev1.PersistentVolumeClaim{ObjectMeta: with(claimFinalizer)}, []string{claimFinalizer}},
		"what is not protected": {&corev1.Pod{ObjectMeta: with()}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, admissiontest.Send(context.Background(), New(), admissiontest.Request{Object: tc.obj}))
			require.Equal(t, tc.want, tc.obj.(metav1.Object).GetFinalizers())
		})
	}
}
