package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// httpCases: the plain pages of the client port.
func httpCases(s *suite) {
	get := func(t *testing.T, e *env, path string) (int, string) {
		t.Helper()
		code, body, err := e.cluster.Member(0).Get(e.ctx, path)
		require.NoError(t, err)
		return code, body
	}
	s.run("health", func(t *testing.T, e *env) {
		code, body := get(t, e, "/health")
		require.Equal(t, http.StatusOK, code)
		var health struct{ Health string }
		require.NoError(t, json.Unmarshal([]byte(body), &health), body)
		require.Equal(t, "true", health.Health, "a string, not a boolean")
	})
	for _, query := range []string{"serializable=true", "serializable=false", "exclude=NOSPACE", "exclude=CORRUPT", "exclude=NOSPACE&exclude=CORRUPT"} {
		s.run("health_"+strings.NewReplacer("=", "_", "&", "_").Replace(query), func(t *testing.T, e *env) {
			code, body := get(t, e, "/health?"+query)
			require.Equal(t, http.StatusOK, code)
			require.Contains(t, body, `"health":"true"`)
		})
	}
	s.run("version", func(t *testing.T, e *env) {
		code, body := get(t, e, "/version")
		require.Equal(t, http.StatusOK, code)
		var v map[string]string
		require.NoError(t, json.Unmarshal([]byte(body), &v), body)
		require.Regexp(t, `^3\.\d+\.\d+$`, v["etcdserver"]) // Patroni takes every part for a number
		require.Regexp(t, `^3\.\d+\.0$`, v["etcdcluster"])
		if e.target.has(versionStorage) {
			require.Regexp(t, `^3\.\d+\.0$`, v["storage"])
		}
	})
	s.run("metrics", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		code, body := get(t, e, "/metrics")
		require.Equal(t, http.StatusOK, code)
		var absent []string
		for _, name := range []string{
			"etcd_server_has_leader 1", "etcd_server_is_leader 1", "etcd_server_leader_changes_seen_total", "etcd_server_proposals_committed_total",
			"etcd_server_proposals_applied_total", "etcd_server_proposals_pending", "etcd_server_proposals_failed_total", "etcd_server_quota_backend_bytes",
			"etcd_mvcc_db_total_size_in_bytes", "etcd_mvcc_db_total_size_in_use_in_bytes", "etcd_disk_wal_fsync_duration_seconds_bucket",
			"etcd_disk_backend_commit_duration_seconds_bucket", "grpc_server_handled_total", "grpc_server_started_total",
			"etcd_network_client_grpc_received_bytes_total", "etcd_network_client_grpc_sent_bytes_total", "process_resident_memory_bytes", "go_goroutines",
		} {
			if !strings.Contains(body, "\n"+name) {
				absent = append(absent, name)
			}
		}
		require.Empty(t, absent)
	})
	for _, path := range []string{
		"/livez", "/readyz", "/livez/serializable_read", "/readyz/serializable_read", "/readyz/linearizable_read", "/readyz/data_corruption",
		"/livez?verbose", "/readyz?verbose", "/readyz?exclude=linearizable_read",
	} {
		s.run(strings.NewReplacer("/", "_", "?", "_", "=", "_").Replace(path[1:]), func(t *testing.T, e *env) {
			needs(t, e, livezReadyz)
			code, body := get(t, e, path)
			require.Equal(t, http.StatusOK, code, body)
			require.Contains(t, body, "ok")
			if strings.HasSuffix(path, "verbose") {
				require.Contains(t, body, "[+]")
			}
		})
	}
	s.run("unknown_page", func(t *testing.T, e *env) {
		code, _ := get(t, e, "/no/such/page")
		require.Equal(t, http.StatusNotFound, code)
	})
	for _, path := range []string{"/health", "/version"} {
		s.run("post"+strings.ReplaceAll(path, "/", "_")+"_is_refused", func(t *testing.T, e *env) {
			req, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.cluster.Member(0).ClientURL+path, nil)
			require.NoError(t, err)
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
		})
	}
}
