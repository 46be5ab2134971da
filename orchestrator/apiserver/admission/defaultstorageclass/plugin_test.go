package defaultstorageclass

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func TestAdmit(t *testing.T) {
	class := func(name, annotation string, second int64) runtime.Object {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{annotation: "true"}, CreationTimestamp: metav1.NewTime(time.Unix(second, 0)),
		}}
	}
	claim := func(class *string, annotations map[string]string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c", Annotations: annotations},
			Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: class},
		}
	}
	plain, old, young := class("plain", "other", 9), class("old", isDefault, 1), class("young", isDefault, 2)
	for name, tc := range map[string]struct {
		classes []runtime.Object
		claim   *corev1.PersistentVolumeClaim
		want    *string
	}{
		"no default":            {[]runtime.Object{plain}, claim(nil, nil), nil},
		"a default":             {[]runtime.Object{plain, old}, claim(nil, nil), ptr.To("old")},
		"the newest of several": {[]runtime.Object{old, young}, claim(nil, nil), ptr.To("young")},
		"by name of equals":     {[]runtime.Object{class("b", isDefault, 3), class("a", isDefaultBeta, 3)}, claim(nil, nil), ptr.To("a")},
		"a class was named":     {[]runtime.Object{old}, claim(ptr.To("plain"), nil), ptr.To("plain")},
		"none is wanted":        {[]runtime.Object{old}, claim(ptr.To(""), nil), ptr.To("")},
		"the old annotation":    {[]runtime.Object{old}, claim(nil, map[string]string{corev1.BetaStorageClassAnnotation: "x"}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := New()
			admissiontest.Start(t, p, tc.classes...)
			require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: tc.claim}))
			require.Equal(t, tc.want, tc.claim.Spec.StorageClassName)
		})
	}
}
