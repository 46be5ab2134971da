package namespacelifecycle

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func namespace(name string, phase corev1.NamespacePhase) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NamespaceStatus{Phase: phase}}
}

func podIn(ns string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "p"}}
}

func TestAdmit(t *testing.T) {
	type request = admissiontest.Request
	for name, tc := range map[string]struct {
		request
		want string
	}{
		"create in an active namespace":      {request{Object: podIn("live")}, ""},
		"create in a missing one":            {request{Object: podIn("gone")}, `namespaces "gone" not found`},
		"create in a terminating one":        {request{Object: podIn("dying")}, `pods "p" is forbidden: unable to create new content in namespace dying because it is being terminated`},
		"update in a terminating one":        {request{Object: podIn("dying"), Old: podIn("dying")}, ""},
		"delete in a terminating one":        {request{Op: admission.Delete, Old: podIn("dying")}, ""},
		"create of what has no namespace":    {request{Object: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}}, ""},
		"create of a namespace":              {request{Object: namespace("new", "")}, ""},
		"delete of a namespace":              {request{Op: admission.Delete, Old: namespace("live", "")}, ""},
		"delete of kube-system":              {request{Op: admission.Delete, Old: namespace("kube-system", "")}, `namespaces "kube-system" is forbidden: this namespace may not be deleted`},
		"delete of default":                  {request{Op: admission.Delete, Old: namespace("default", "")}, "may not be deleted"},
		"delete of kube-public":              {request{Op: admission.Delete, Old: namespace("kube-public", "")}, "may not be deleted"},
		"review of access in a missing one":  {request{Object: &authorizationv1.LocalSubjectAccessReview{}, Namespace: "gone"}, ""},
		"creation of a subresource in it":    {request{Object: &corev1.Binding{}, Resource: "pods", Subresource: "binding", Namespace: "dying", Name: "p"}, "is being terminated"},
		"create without an object in a live": {request{Op: admission.Create, Resource: "pods", Namespace: "live"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(clocktesting.NewFakePassiveClock(time.Now()))
			admissiontest.Start(t, p, namespace("live", corev1.NamespaceActive), namespace("dying", corev1.NamespaceTerminating))
			err := admissiontest.Send(context.Background(), p, tc.request)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestTerminatingHasItsCause(t *testing.T) {
	p := New(clocktesting.NewFakePassiveClock(time.Now()))
	admissiontest.Start(t, p, namespace("dying", corev1.NamespaceTerminating))
	err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: podIn("dying")})
	require.True(t, apierrors.IsForbidden(err))
	require.True(t, apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause))
}

// What the informer has not seen yet is asked for.
func TestLooksPastTheCache(t *testing.T) {
	ctx := context.Background()
	p := New(clocktesting.NewFakePassiveClock(time.Now()))
	admissiontest.Start(t, p) // what the informer shows: nothing
	p.SetExternalKubeClientSet(fake.NewClientset(namespace("new", corev1.NamespaceActive)))
	require.NoError(t, admissiontest.Send(ctx, p, admissiontest.Request{Object: podIn("new")}))
}

// After a deletion the informer may show the namespace as active: for a while it is not believed.
func TestRemembersDeletions(t *testing.T) {
	ctx := context.Background()
	clock := clocktesting.NewFakePassiveClock(time.Now())
	p := New(clock)
	admissiontest.Start(t, p, namespace("ns", corev1.NamespaceActive)) // what the informer shows
	p.SetExternalKubeClientSet(fake.NewClientset(namespace("ns", corev1.NamespaceTerminating)))

	create := admissiontest.Request{Object: podIn("ns")}
	require.NoError(t, admissiontest.Send(ctx, p, create))
	require.NoError(t, admissiontest.Send(ctx, p, admissiontest.Request{Op: admission.Delete, Old: namespace("ns", "")}))
	require.ErrorContains(t, admissiontest.Send(ctx, p, create), "is being terminated")
	clock.SetTime(clock.Now().Add(distrust + time.Second))
	require.NoError(t, admissiontest.Send(ctx, p, create))
}
