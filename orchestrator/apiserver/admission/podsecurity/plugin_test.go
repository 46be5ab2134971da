package podsecurity

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

// warnings collects what a client would be warned of.
type warnings []string

func (w *warnings) AddWarning(_, text string) { *w = append(*w, text) }

func namespace(name string, labels ...string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for i := 0; i < len(labels); i += 2 {
		ns.Labels["pod-security.kubernetes.io/"+labels[i]] = labels[i+1]
	}
	return ns
}

func pod(ns string, privileged bool) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "c", SecurityContext: &corev1.SecurityContext{Privileged: ptr.To(privileged)},
	}}}}
}

func TestValidate(t *testing.T) {
	const refusal = `violates PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)`
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "enforced", Name: "d"}}
	deployment.Spec.Template.Spec = pod("", true).Spec
	warned := deployment.DeepCopy()
	warned.Namespace = "warned"
	warns := []string{"would " + strings.Replace(refusal, "violates", "violate", 1)}
	const deployments = "deployments.v1.apps"
	for name, tc := range map[string]struct {
		request  admissiontest.Request
		err      string
		warnings []string
	}{
		"no labels":             {admissiontest.Request{Object: pod("open", true)}, "", nil},
		"enforced, harmless":    {admissiontest.Request{Object: pod("enforced", false)}, "", nil},
		"enforced":              {admissiontest.Request{Object: pod("enforced", true)}, `pods "p" is forbidden: ` + refusal, nil},
		"enforced, a status":    {admissiontest.Request{Object: pod("enforced", true), Old: pod("enforced", true), Subresource: "status"}, "", nil},
		"warned":                {admissiontest.Request{Object: pod("warned", true)}, "", warns},
		"enforced, its owner":   {admissiontest.Request{Object: deployment, Resource: deployments}, "", warns},
		"warned, its owner":     {admissiontest.Request{Object: warned, Resource: deployments}, "", warns},
		"labels that aren't":    {admissiontest.Request{Object: namespace("x", "enforce", "strict")}, `metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict"`, nil},
		"what is not concerned": {admissiontest.Request{Object: &corev1.ConfigMap{}, Namespace: "enforced"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(nil)
			require.NoError(t, err)
			admissiontest.Start(t, p, namespace("open"), namespace("enforced", "enforce", "baseline"), namespace("warned", "warn", "baseline"))
			var got warnings
			err = admissiontest.Send(warning.WithWarningRecorder(context.Background(), &got), p, tc.request)
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.err)
				require.True(t, apierrors.IsForbidden(err) || apierrors.IsInvalid(err))
			}
			require.Equal(t, tc.warnings, []string(got))
		})
	}
}

func TestConfiguration(t *testing.T) {
	p, err := New(strings.NewReader(`{"apiVersion":"pod-security.admission.config.k8s.io/v1","kind":"PodSecurityConfiguration",
		"defaults":{"enforce":"baseline","enforce-version":"latest"}}`))
	require.NoError(t, err)
	admissiontest.Start(t, p, namespace("open"))
	require.ErrorContains(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod("open", true)}), "violates PodSecurity")

	_, err = New(strings.NewReader(`{"kind":"Other"}`))
	require.ErrorContains(t, err, "PodSecurity: configuration:")
}
