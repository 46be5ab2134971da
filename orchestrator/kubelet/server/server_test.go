package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/kubelet/pkg/types"
)

func TestWhatIsServed(t *testing.T) {
	var ill error
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "syslog"), []byte("lines"), 0o600))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	s := serve(t, func(o *Options) {
		o.Healthy = func() error { return ill }
		o.LogDir = dir
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("figures")) })
	})
	for path, want := range map[string]string{"/healthz": "ok", "/healthz/ping": "ok", "/metrics": "figures", "/logs/syslog": "lines"} {
		code, body := s.get(t, path)
		require.Equal(t, http.StatusOK, code, path)
		require.Equal(t, want, body, path)
	}
	ill = errors.New("no runtime")
	code, body := s.get(t, "/healthz")
	require.Equal(t, http.StatusInternalServerError, code)
	require.Contains(t, body, "no runtime")
	code, body = s.get(t, "/logs/link")
	require.NotEqual(t, http.StatusOK, code, "leads out of the folder")
	require.NotContains(t, body, "root:")

	code, body = s.get(t, "/pods")
	require.Equal(t, http.StatusOK, code)
	list := &v1.PodList{}
	require.NoError(t, json.Unmarshal([]byte(body), list))
	require.Equal(t, "PodList", list.Kind)
	require.Equal(t, "p", list.Items[0].Name)

	code, body = s.do(t, http.MethodPost, "/run/ns/p/c?cmd=echo&cmd=a")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, containerID+": echo a", body)
	code, body = s.do(t, http.MethodPost, "/run/ns/p/c?cmd=fail")
	require.Equal(t, http.StatusInternalServerError, code)
	require.Contains(t, body, "exit 1: outerr")
	for path, want := range map[string]int{
		"/run/ns/none/c?cmd=x": http.StatusNotFound, "/run/ns/p/none?cmd=x": http.StatusNotFound, "/run/ns/p/other-uid/c?cmd=x": http.StatusNotFound,
		"/run/ns/p/uid-1/c?cmd=x": http.StatusOK, "/run/ns/p/c": http.StatusBadRequest, "/exec/ns/p/c?command=x": http.StatusBadRequest,
		"/portForward/ns/none": http.StatusNotFound, "/portForward/ns/p?port=x": http.StatusBadRequest, "/nothing": http.StatusNotFound,
		"/exec/ns/p/c?command=x&output=1": http.StatusBadRequest, "/attach/ns/p/none?output=1": http.StatusNotFound,
	} {
		code, _ := s.do(t, http.MethodPost, path)
		require.Equal(t, want, code, path)
	}
	refused := serve(t)
	for _, path := range []string{"/logs/syslog", "/metrics"} {
		code, _ := refused.get(t, path)
		require.Equal(t, http.StatusNotFound, code, path)
	}
}

// reviewer is an apiserver that only reviews: tokens, of which one is good, and what users may.
type reviewer struct {
	allowed map[string]bool // "<user> <verb> <subresource>"
	asked   []authorizationv1.ResourceAttributes
}

func (v *reviewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review any
	switch path.Base(r.URL.Path) {
	case "tokenreviews":
		token := &authenticationv1.TokenReview{}
		review = token
		if json.NewDecoder(r.Body).Decode(token) == nil && token.Spec.Token == "good" {
			token.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "someone"}}
		}
	case "subjectaccessreviews":
		access := &authorizationv1.SubjectAccessReview{}
		review = access
		if json.NewDecoder(r.Body).Decode(access) == nil {
			what := access.Spec.ResourceAttributes
			v.asked = append(v.asked, *what)
			access.Status.Allowed = v.allowed[access.Spec.User+" "+what.Verb+" "+what.Subresource]
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(review)
}

// The apiserver is asked who a client is and what he may.
func TestAccess(t *testing.T) {
	v := &reviewer{allowed: map[string]bool{}}
	apiserver := httptest.NewServer(v)
	defer apiserver.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: apiserver.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON}, QPS: -1})
	require.NoError(t, err)
	delegated := func(anonymous bool) *served {
		d := &Delegation{Client: client, Tokens: true, Anonymous: anonymous, AllowTTL: time.Nanosecond, DenyTTL: time.Nanosecond}
		return serve(t, func(o *Options) {
			var err error
			o.Authenticator, o.Authorizer, err = d.New(t.Context())
			require.NoError(t, err)
			o.LogDir = t.TempDir()
			o.Metrics = http.NotFoundHandler()
		})
	}
	s := delegated(false)
	code, _ := s.get(t, "/pods")
	require.Equal(t, http.StatusUnauthorized, code)
	code, _ = s.get(t, "/pods", "Authorization", "Bearer bad")
	require.Equal(t, http.StatusUnauthorized, code)
	require.Empty(t, v.asked)

	for _, c := range []struct {
		method, path, verb string
		subresources       []string
	}{
		{http.MethodGet, "/pods", "get", []string{"pods", "proxy"}},
		{http.MethodGet, "/healthz", "get", []string{"healthz", "proxy"}},
		{http.MethodGet, "/stats/summary", "get", []string{"stats"}},
		{http.MethodGet, "/metrics", "get", []string{"metrics"}},
		{http.MethodGet, "/logs/", "get", []string{"log"}},
		{http.MethodGet, "/containerLogs/ns/p/c", "get", []string{"proxy"}},
		{http.MethodPost, "/exec/ns/p/c", "create", []string{"proxy"}},
		{http.MethodGet, "/exec/ns/p/c", "create", []string{"proxy"}}, // a WebSocket's
		{http.MethodGet, "/attach/ns/p/c", "create", []string{"proxy"}},
		{http.MethodGet, "/portForward/ns/p", "create", []string{"proxy"}},
		{http.MethodPost, "/run/ns/p/c", "create", []string{"proxy"}},
		{http.MethodDelete, "/pods", "delete", []string{"pods", "proxy"}},
		{http.MethodPut, "/else", "update", []string{"proxy"}},
		{http.MethodPatch, "/else", "patch", []string{"proxy"}},
	} {
		v.asked = nil
		code, body := s.do(t, c.method, c.path, "Authorization", "Bearer good")
		require.Equal(t, http.StatusForbidden, code, c.path)
		require.Contains(t, body, "Forbidden (user=someone, verb="+c.verb+", resource=nodes, subresource(s)=[", c.path)
		var names []string
		for _, a := range v.asked {
			require.Equal(t, authorizationv1.ResourceAttributes{Verb: c.verb, Version: "v1", Resource: "nodes", Name: "n", Subresource: a.Subresource}, a, c.path)
			names = append(names, a.Subresource)
		}
		require.Equal(t, c.subresources, names, c.path)
	}
	for _, right := range []string{"someone get proxy", "someone get pods"} {
		clear(v.allowed)
		v.allowed[right] = true
		code, _ = s.get(t, "/pods", "Authorization", "Bearer good")
		require.Equal(t, http.StatusOK, code, right)
	}
	code, _ = s.get(t, "/exec/ns/p/c?command=x&output=1", "Authorization", "Bearer good")
	require.Equal(t, http.StatusForbidden, code, "who may read all doesn't get in")

	v.allowed["system:anonymous get proxy"] = true
	code, _ = delegated(true).get(t, "/pods")
	require.Equal(t, http.StatusOK, code)
}

func TestDelegationIsComplete(t *testing.T) {
	for _, d := range []Delegation{{}, {Tokens: true, AlwaysAllow: true}} {
		_, _, err := d.New(t.Context())
		require.ErrorIs(t, err, errNoApiserver)
	}
	d := Delegation{AlwaysAllow: true, ClientCAFile: "/none"}
	_, _, err := d.New(t.Context())
	require.ErrorContains(t, err, "client CA")
	d.ClientCAFile = ""
	_, _, err = d.New(t.Context())
	require.ErrorContains(t, err, "no authentication method configured")
	d.Anonymous = true
	_, authz, err := d.New(t.Context())
	require.NoError(t, err)
	require.NotNil(t, authz)
}

func TestSummary(t *testing.T) {
	s := serve(t)
	value := func(n uint64) *runtimeapi.UInt64Value { return &runtimeapi.UInt64Value{Value: n} }
	began := time.Now().UnixNano()
	of := func(container string, after int64, cpu, memory uint64) *runtimeapi.ContainerStats {
		at := began + after
		return &runtimeapi.ContainerStats{
			Attributes: &runtimeapi.ContainerAttributes{Id: container, Labels: map[string]string{
				types.KubernetesPodUIDLabel: podUID, types.KubernetesPodNameLabel: "p", types.KubernetesPodNamespaceLabel: "ns", types.KubernetesContainerNameLabel: container,
			}},
			Cpu:           &runtimeapi.CpuUsage{Timestamp: at, UsageCoreNanoSeconds: value(cpu)},
			Memory:        &runtimeapi.MemoryUsage{Timestamp: at, WorkingSetBytes: value(memory)},
			WritableLayer: &runtimeapi.FilesystemUsage{UsedBytes: value(11)},
		}
	}
	foreign := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{Id: "x"}}
	s.stats = []*runtimeapi.ContainerStats{of("b", 1e9, 100, 10), of("a", 1e9, 50, 5), foreign}
	get := func() *stats.Summary {
		code, body := s.get(t, "/stats/summary")
		require.Equal(t, http.StatusOK, code, body)
		summary := &stats.Summary{}
		require.NoError(t, json.Unmarshal([]byte(body), summary))
		return summary
	}
	summary := get()
	require.Equal(t, "n", summary.Node.NodeName)
	require.NotZero(t, *summary.Node.Memory.WorkingSetBytes)
	require.NotZero(t, *summary.Node.CPU.UsageCoreNanoSeconds)
	require.NotZero(t, *summary.Node.Fs.CapacityBytes)
	require.NotZero(t, *summary.Node.Rlimit.NumOfRunningProcesses)
	require.Len(t, summary.Pods, 1)
	pod := summary.Pods[0]
	require.Equal(t, stats.PodReference{Name: "p", Namespace: "ns", UID: podUID}, pod.PodRef)
	require.EqualValues(t, 1000, pod.StartTime.Unix())
	require.Equal(t, "a", pod.Containers[0].Name)
	require.EqualValues(t, 11, *pod.Containers[0].Rootfs.UsedBytes)
	require.EqualValues(t, 150, *pod.CPU.UsageCoreNanoSeconds)
	require.EqualValues(t, 15, *pod.Memory.WorkingSetBytes)
	require.Nil(t, pod.CPU.UsageNanoCores, "not known yet")

	s.stats = []*runtimeapi.ContainerStats{of("a", 3e9, 50+1000, 5)}
	require.EqualValues(t, 500, *get().Pods[0].CPU.UsageNanoCores, "a thousand in two seconds")
	s.stats = []*runtimeapi.ContainerStats{of("a", 5e9, 7, 5)}
	require.Nil(t, get().Pods[0].CPU.UsageNanoCores, "it began anew")
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Host+"/pods", nil)
	require.NoError(t, err)
	response, err := s.client.Do(r)
	if err == nil {
		response.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)
}
