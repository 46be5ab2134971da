package health

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/proxy"
)

func TestHealth(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Now())
	s := New(t.Context(), clock, time.Minute)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	says := func(healthz, livez int, what string) {
		t.Helper()
		for path, want := range map[string]int{"/healthz": healthz, "/livez": livez} {
			answer, err := http.Get(server.URL + path)
			require.NoError(t, err)
			answer.Body.Close()
			require.Equal(t, want, answer.StatusCode, "%s: %s", path, what)
		}
	}
	says(503, 503, "nothing is written yet")
	s.Pending()
	s.Synced(0)
	says(200, 200, "synced")
	clock.Step(time.Hour)
	says(200, 200, "nothing has changed since")
	s.Pending()
	clock.Step(30 * time.Second)
	s.Pending()
	says(200, 200, "a change waits, not for long")
	clock.Step(30 * time.Second)
	says(503, 503, "for too long")
	s.Synced(0)
	says(200, 200, "synced again")
	s.Failed(0)
	says(503, 503, "failed")
	s.Synced(0)
	s.Node(&v1.Node{Spec: v1.NodeSpec{Taints: []v1.Taint{{Key: taintToBeDeleted}}}})
	says(503, 200, "the node is leaving")
	s.Node(&v1.Node{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: clock.Now()}}})
	says(503, 200, "the node is being deleted")
	s.Node(nil)
	says(200, 200, "not registered, as a node may be at first")
}

func TestServices(t *testing.T) {
	s := New(t.Context(), testingclock.NewFakeClock(time.Now()), time.Minute)
	s.Synced(0)
	taken, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	port := uint16(taken.Addr().(*net.TCPAddr).Port)
	service := types.NamespacedName{Namespace: "ns", Name: "web"}
	s.HealthChecks(map[types.NamespacedName]proxy.HealthCheck{service: {Port: port, LocalEndpoints: 2}})
	require.NoError(t, taken.Close())
	s.Synced(0) // tries again what was taken

	ask := func() (int, string, string) {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, answer.Header.Get("X-Load-Balancing-Endpoint-Weight"), string(body)
	}
	code, weight, body := ask()
	require.Equal(t, 200, code)
	require.Equal(t, "2", weight)
	require.JSONEq(t, `{"service": {"namespace": "ns", "name": "web"}, "localEndpoints": 2, "serviceProxyHealthy": true}`, body)
	s.HealthChecks(map[types.NamespacedName]proxy.HealthCheck{service: {Port: port}})
	code, _, _ = ask()
	require.Equal(t, 503, code)
	s.HealthChecks(map[types.NamespacedName]proxy.HealthCheck{service: {Port: port, LocalEndpoints: 1}})
	s.Failed(0)
	code, _, _ = ask()
	require.Equal(t, 503, code)
	s.HealthChecks(nil)
	_, err = http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	require.Error(t, err)
}
