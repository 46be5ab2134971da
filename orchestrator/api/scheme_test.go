package api

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s, err := NewScheme()
	require.NoError(t, err)
	return s
}

// TestInternal: every kind is its own internal form, and so converting copies nothing.
func TestInternal(t *testing.T) {
	s := newScheme(t)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	internal, err := s.ConvertToVersion(pod, schema.GroupVersion{Version: runtime.APIVersionInternal})
	require.NoError(t, err)
	require.IsType(t, pod, internal)
	for _, g := range groups {
		for kind := range s.KnownTypes(g.version) {
			if kind == "WatchEvent" {
				continue
			}
			require.True(t, s.Recognizes(schema.GroupVersionKind{Group: g.version.Group, Version: runtime.APIVersionInternal, Kind: kind}) || isOption(kind), "%v %s", g.version, kind)
		}
	}
}

// isOption tells that a kind comes with every version from the library, with an internal form of its own or none.
func isOption(kind string) bool {
	switch kind {
	case "ListOptions", "GetOptions", "DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "ExportOptions",
		"Status", "APIVersions", "APIGroup", "APIGroupList", "APIResourceList":
		return true
	}
	return false
}

func TestQueryParameters(t *testing.T) {
	s := newScheme(t)
	read := func(query string, into runtime.Object) error {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		return s.Convert(&values, into, nil)
	}
	exec := &corev1.PodExecOptions{}
	require.NoError(t, read("command=ls&command=-l&container=c&stdout=1&stderr=true&stdin=false&tty=0", exec))
	require.Equal(t, &corev1.PodExecOptions{Command: []string{"ls", "-l"}, Container: "c", Stdout: true, Stderr: true}, exec)

	log := &corev1.PodLogOptions{}
	require.NoError(t, read("follow=true&tailLines=5&sinceTime=2026-01-02T03:04:05Z", log))
	require.True(t, log.Follow)
	require.EqualValues(t, 5, *log.TailLines)
	require.Equal(t, 2026, log.SinceTime.Year())

	forward := &corev1.PodPortForwardOptions{}
	require.NoError(t, read("ports=80&ports=443", forward))
	require.Equal(t, []int32{80, 443}, forward.Ports)

	require.Error(t, read("tailLines=many", &corev1.PodLogOptions{}))
	require.Error(t, read("sinceTime=yesterday", &corev1.PodLogOptions{}))
	require.Error(t, read("ports=99999999999", &corev1.PodPortForwardOptions{}))
}

func TestFieldLabels(t *testing.T) {
	s := newScheme(t)
	pods, services := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithKind("ConfigMap")
	for label, want := range map[string]string{"spec.nodeName": "spec.nodeName", "spec.host": "spec.nodeName", "metadata.name": "metadata.name"} {
		got, value, err := s.ConvertFieldLabel(pods, label, "v")
		require.NoError(t, err, label)
		require.Equal(t, want, got)
		require.Equal(t, "v", value)
	}
	_, _, err := s.ConvertFieldLabel(services, "spec.nodeName", "v")
	require.ErrorContains(t, err, `"spec.nodeName" is not a known field selector`)
	require.Equal(t, "n", Fields(pods, &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}})["spec.nodeName"])
	for kind, labels := range fieldLabels {
		obj, err := s.New(kind)
		require.NoError(t, err)
		require.Len(t, Fields(kind, obj), len(labels), "an empty %s has all its fields", kind.Kind)
	}
}
