package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coreos/go-semver/semver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/version"
)

// fakeMember is a member in any state.
type fakeMember struct {
	leader, learner bool
	alarms          []*pb.AlarmMember
	localErr, err   error
	disk            error
	version         *semver.Version
}

func (m *fakeMember) HasLeader() bool                 { return m.leader }
func (m *fakeMember) IsLearner() bool                 { return m.learner }
func (m *fakeMember) Alarms() []*pb.AlarmMember       { return m.alarms }
func (m *fakeMember) ClusterVersion() *semver.Version { return m.version }
func (m *fakeMember) DiskHealth() error               { return m.disk }
func (m *fakeMember) Read(ctx context.Context, local bool) error {
	if local {
		return m.localErr
	}
	if errors.Is(m.err, context.DeadlineExceeded) {
		<-ctx.Done()
		return ctx.Err()
	}
	return m.err
}

// handlers makes the handlers of a member.
func handlers(t *testing.T, m *fakeMember) *Handlers {
	t.Helper()
	reg := prometheus.NewRegistry()
	h, err := New(Options{
		Member: m, Logger: slog.New(slog.DiscardHandler), Gatherer: reg, Registerer: reg,
		RequestTimeout: 20 * time.Millisecond, FeatureGates: config.Default().FeatureGates,
	})
	require.NoError(t, err)
	return h
}

// get asks a handler and returns status and body.
func get(h http.Handler, target string) (int, string, http.Header) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return w.Code, string(body), w.Result().Header
}

func alarm(kind pb.AlarmType) []*pb.AlarmMember { return []*pb.AlarmMember{{MemberID: 1, Alarm: kind}} }

// The bodies are etcd 3.7.3's.
func TestBodies(t *testing.T) {
	healthy := fakeMember{leader: true}
	with := func(change func(*fakeMember)) *fakeMember {
		m := healthy
		change(&m)
		return &m
	}
	noSpace := with(func(m *fakeMember) { m.alarms = alarm(pb.AlarmType_NOSPACE) })
	corrupt := with(func(m *fakeMember) { m.alarms = alarm(pb.AlarmType_CORRUPT) })
	leaderless := with(func(m *fakeMember) { m.leader = false; m.err = errors.New("etcdserver: no leader") })
	learner := with(func(m *fakeMember) { m.learner = true })
	hanging := with(func(m *fakeMember) { m.err = context.DeadlineExceeded })
	const ok = `{"health":"true","reason":""}`
	for _, tc := range []struct {
		name   string
		m      *fakeMember
		target string
		status int
		body   string
	}{
		{"health", &healthy, "/health", 200, ok},
		{"no space", noSpace, "/health", 503, `{"health":"false","reason":"ALARM NOSPACE"}` + "\n"},
		{"no space excluded", noSpace, "/health?exclude=NOSPACE", 200, ok},
		{"corrupt is not excluded", corrupt, "/health?exclude=NOSPACE&exclude=", 503, `{"health":"false","reason":"ALARM CORRUPT"}` + "\n"},
		{"both excluded", corrupt, "/health?exclude=NOSPACE&exclude=CORRUPT", 200, ok},
		{"unknown alarm", with(func(m *fakeMember) { m.alarms = alarm(9) }), "/health", 503, `{"health":"false","reason":"ALARM UNKNOWN"}` + "\n"},
		{"no leader", leaderless, "/health", 503, `{"health":"false","reason":"RAFT NO LEADER"}` + "\n"},
		{"no leader, local", leaderless, "/health?serializable=true", 200, ok},
		{"hanging", hanging, "/health", 503, `{"health":"false","reason":"RANGE ERROR:context deadline exceeded"}` + "\n"},
		{"livez", leaderless, "/livez", 200, "ok\n"},
		{"livez verbose", leaderless, "/livez?verbose", 200, "[+]serializable_read ok\nok\n"},
		{"livez one", &healthy, "/livez/serializable_read", 200, "ok\n"},
		{"readyz", &healthy, "/readyz", 200, "ok\n"},
		{"readyz verbose", &healthy, "/readyz?verbose=1", 200, "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n"},
		{"readyz exclude", &healthy, "/readyz?verbose&exclude=non_learner&exclude=nonsense", 200, "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok\n"},
		{"readyz without leader", leaderless, "/readyz", 503, "[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: no leader\n[+]non_learner ok\n\n"},
		{"readyz learner", learner, "/readyz/non_learner", 503, "[-]non_learner failed: not supported for learner\n\n"},
		{"readyz corrupt", corrupt, "/readyz/data_corruption", 503, "[-]data_corruption failed: alarm activated: CORRUPT\n\n"},
		{"readyz disk", with(func(m *fakeMember) { m.disk = errors.New("full") }), "/readyz", 503,
			"[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\n[-]state_disk failed: full\n\n"},
		{"no such check", &healthy, "/readyz/nonsense", 404, "404 page not found\n"},
		{"version undecided", &healthy, "/version", 200, `{"etcdserver":"` + version.Etcd + `","etcdcluster":"not_decided","storage":"3.7.0"}`},
		{"version", with(func(m *fakeMember) { m.version = semver.New("3.7.0") }), "/version", 200, `{"etcdserver":"` + version.Etcd + `","etcdcluster":"3.7.0","storage":"3.7.0"}`},
		{"nothing", &healthy, "/nothing", 404, "404 page not found\n"},
		{"pprof is off", &healthy, "/debug/pprof/", 404, "404 page not found\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body, header := get(handlers(t, tc.m).Client(), tc.target)
			require.Equal(t, tc.status, status)
			require.Equal(t, tc.body, body)
			require.Equal(t, "*", header.Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestMethods(t *testing.T) {
	h := handlers(t, &fakeMember{leader: true}).Client()
	for _, path := range []string{"/health", "/livez", "/readyz/non_learner", "/version"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, "GET", w.Header().Get("Allow"))
		require.Equal(t, "Method Not Allowed\n", w.Body.String())
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodOptions, "/anything", nil))
	require.Equal(t, http.StatusOK, w.Code)
}

func TestMetricsPort(t *testing.T) {
	h := handlers(t, &fakeMember{leader: true})
	status, _, _ := get(h.Metrics(), "/health")
	require.Equal(t, 200, status)
	get(h.Client(), "/readyz")
	status, body, header := get(h.Metrics(), "/metrics")
	require.Equal(t, 200, status)
	require.Contains(t, body, "etcd_server_health_success 1\n")
	require.Contains(t, body, `etcd_server_version{server_version="`+version.Server+`"} 1`)
	require.Contains(t, body, `etcd_server_feature_enabled{name="FastLeaseKeepAlive",stage="BETA"} 1`)
	require.Regexp(t, `os_fd_used [1-9]`, body)
	require.Contains(t, body, `etcd_server_healthchecks_total{name="linearizable_read",status="success",type="readyz"} 1`)
	require.Empty(t, header.Get("Access-Control-Allow-Origin"))
	status, _, _ = get(h.Metrics(), "/version")
	require.Equal(t, 404, status)
}

func TestProfilesOnRequest(t *testing.T) {
	h, err := New(Options{Member: &fakeMember{}, Logger: slog.New(slog.DiscardHandler), EnablePprof: true})
	require.NoError(t, err)
	status, body, _ := get(h.Client(), "/debug/pprof/")
	require.Equal(t, 200, status)
	require.Contains(t, body, "goroutine")
	status, _, _ = get(h.Client(), "/debug/vars")
	require.Equal(t, 200, status)
	status, _, _ = get(h.Client(), "/metrics")
	require.Equal(t, 404, status, "without a gatherer there is nothing to show")
}
