package ownerreferencespermission

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func TestValidate(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ReplicationController"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	pod := func(owners ...metav1.OwnerReference) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", OwnerReferences: owners}}
	}
	owner := func(kind string, blocks *bool) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "v1", Kind: kind, Name: "o", UID: "u", BlockOwnerDeletion: blocks}
	}
	const rc = "ReplicationController"
	for name, tc := range map[string]struct {
		may     []string
		is, was *corev1.Pod
		want    string
	}{
		"no owner":             {nil, pod(), nil, ""},
		"an owner":             {[]string{"delete ns/pods/"}, pod(owner(rc, nil)), nil, ""},
		"may not delete":       {nil, pod(owner(rc, nil)), nil, "cannot set an ownerRef on a resource you can't delete: not allowed, <nil>"},
		"taken off":            {nil, pod(), pod(owner(rc, nil)), "you can't delete"},
		"unchanged":            {nil, pod(owner(rc, ptr.To(true))), pod(owner(rc, ptr.To(true))), ""},
		"by name, an update":   {[]string{"delete ns/pods/p"}, pod(owner(rc, nil)), pod(), ""},
		"blocks":               {[]string{"delete ns/pods/", "update ns/replicationcontrollers/finalizers/o"}, pod(owner(rc, ptr.To(true))), nil, ""},
		"blocks a node":        {[]string{"delete ns/pods/", "update /nodes/finalizers/o"}, pod(owner("Node", ptr.To(true))), nil, ""},
		"may not block":        {[]string{"delete ns/pods/"}, pod(owner(rc, ptr.To(true))), nil, "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: not allowed, <nil>"},
		"may not block later":  {[]string{"delete ns/pods/p"}, pod(owner(rc, ptr.To(true))), pod(owner(rc, nil)), "cannot set blockOwnerDeletion"},
		"may unblock":          {[]string{"delete ns/pods/p"}, pod(owner(rc, nil)), pod(owner(rc, ptr.To(true))), ""},
		"blocks what isn't":    {[]string{"delete ns/pods/"}, pod(owner("Thing", ptr.To(true))), nil, "cannot find RESTMapping for APIVersion v1 Kind Thing"},
		"does not block that ": {[]string{"delete ns/pods/"}, pod(owner("Thing", nil)), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := New()
			p.SetRESTMapper(mapper)
			p.SetUnconditionalAuthorizer(admissiontest.Authorizer(func(a authorizer.Attributes) bool {
				asked := a.GetVerb() + " " + a.GetNamespace() + "/" + a.GetResource() + "/"
				if a.GetSubresource() != "" {
					asked += a.GetSubresource() + "/"
				}
				for _, may := range tc.may {
					if may == asked+a.GetName() {
						return true
					}
				}
				return false
			}))
			require.NoError(t, p.ValidateInitialization())
			r := admissiontest.Request{Object: tc.is}
			if tc.was != nil {
				r.Old = tc.was
			}
			err := admissiontest.Send(context.Background(), p, r)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}
