package mixin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// scene is a running cluster and what happens to it. Its name is the job that its members are scraped as.
type scene struct {
	name    string
	config  process.Config
	fault   func(t *testing.T, ctx context.Context, c *process.Cluster) // runs until ctx ends; nil for none
	fires   []string                                                    // these alerts must fire
	may     []string                                                    // these may, as well
	cluster *process.Cluster
}

// calm is how long all scenes are healthy first, longer than the longest that an alert waits.
const calm = 24 * time.Second

// TestLiveAlerts has Prometheus scrape several clusters: no alert fires while all are healthy, then each fault fires its own.
func TestLiveAlerts(t *testing.T) {
	if os.Getenv("PETCD_MIXIN") == "" {
		t.Skip("takes more than a minute; make mixin runs it")
	}
	p := fetched(t)
	wire := newSlowWire(t)
	scenes := []*scene{
		// It shares the machine with the faults, and may become slow with them.
		{name: "etcd-healthy", config: process.Config{Members: 3}, may: []string{"etcdGRPCRequestsSlow/critical"}},
		{name: "etcd-member-down", config: process.Config{Members: 3}, fault: kill(1),
			fires: []string{"etcdMembersDown/warning"}},
		{name: "etcd-quorum-lost", config: process.Config{Members: 3}, fault: loseQuorum,
			fires: []string{"etcdInsufficientMembers/critical", "etcdNoLeader/critical", "etcdHighNumberOfFailedProposals/warning"},
			may: []string{"etcdMembersDown/warning", "etcdHighNumberOfFailedGRPCRequests/warning", "etcdHighNumberOfFailedGRPCRequests/critical",
				"etcdGRPCRequestsSlow/critical"}},
		{name: "etcd-elections", config: process.Config{Members: 3}, fault: moveLeaders,
			fires: []string{"etcdHighNumberOfLeaderChanges/warning"},
			may:   []string{"etcdHighNumberOfFailedGRPCRequests/warning", "etcdHighNumberOfFailedGRPCRequests/critical", "etcdGRPCRequestsSlow/critical"}},
		{name: "etcd-slow-network", config: process.Config{Members: 3, AdvertisePeer: wire.attach}, fault: wire.slow,
			fires: []string{"etcdMemberCommunicationSlow/warning", "etcdGRPCRequestsSlow/critical"},
			may:   []string{"etcdHighNumberOfLeaderChanges/warning", "etcdHighNumberOfFailedGRPCRequests/warning", "etcdHighNumberOfFailedGRPCRequests/critical"}},
		{name: "etcd-full", config: process.Config{Flags: []string{"--quota-backend-bytes=40000000"}}, fault: fill,
			fires: []string{"etcdDatabaseQuotaLowSpace/critical", "etcdExcessiveDatabaseGrowth/warning",
				"etcdHighNumberOfFailedGRPCRequests/warning", "etcdHighNumberOfFailedGRPCRequests/critical"},
			may: []string{"etcdGRPCRequestsSlow/critical", "etcdHighCommitDurations/warning", "etcdHighFsyncDurations/warning", "etcdHighFsyncDurations/critical"}},
	}
	for _, s := range scenes {
		s.cluster = startCluster(t, s.config)
	}
	healthy := startLoad(t, scenes[0].cluster)
	defer healthy.stop()
	prom := startPrometheus(t, p, scenes)

	end := time.Now().Add(calm)
	for time.Now().Before(end) {
		require.Empty(t, prom.firing(t), "an alert fires without a fault")
		time.Sleep(time.Second)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var faults sync.WaitGroup
	defer faults.Wait()
	defer cancel()
	for _, s := range scenes {
		if s.fault != nil {
			faults.Go(func() { s.fault(t, ctx, s.cluster) })
		}
	}
	fired := map[string]bool{}
	require.Eventually(t, func() bool {
		for _, alert := range prom.firing(t) {
			fired[alert] = true
		}
		return len(missing(scenes, fired)) == 0
	}, 90*time.Second, 500*time.Millisecond, "fired until now: %v", fired)
	for alert := range fired {
		require.True(t, expected(scenes, alert), "%s should not have fired", alert)
	}
}

// missing lists the alerts that have to fire yet.
func missing(scenes []*scene, fired map[string]bool) (names []string) {
	for _, s := range scenes {
		for _, alert := range s.fires {
			if !fired[s.name+" "+alert] {
				names = append(names, s.name+" "+alert)
			}
		}
	}
	return names
}

// expected tells whether an alert belongs to its scene.
func expected(scenes []*scene, alert string) bool {
	job, id, _ := strings.Cut(alert, " ")
	return slices.ContainsFunc(scenes, func(s *scene) bool {
		return s.name == job && (slices.Contains(s.fires, id) || slices.Contains(s.may, id))
	})
}

// prometheus is a running Prometheus.
type prometheus struct{ url string }

// startPrometheus scrapes the scenes' members every second and evaluates the hurried rules.
func startPrometheus(t *testing.T, p tools, scenes []*scene) *prometheus {
	dir := t.TempDir()
	writeJSON(t, filepath.Join(dir, "rules.json"), hurried(t, loadRules(t, p.rules)))
	var jobs []any
	for _, s := range scenes {
		var members []string
		for _, m := range s.cluster.Members() {
			members = append(members, strings.TrimPrefix(m.ClientURL, "http://"))
		}
		jobs = append(jobs, map[string]any{"job_name": s.name, "static_configs": []any{map[string]any{"targets": members}}})
	}
	writeJSON(t, filepath.Join(dir, "prometheus.yml"), map[string]any{
		"global":         map[string]string{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files":     []string{filepath.Join(dir, "rules.json")},
		"scrape_configs": jobs,
	})
	port, err := process.FreePort()
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(p.prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	prom := &prometheus{"http://" + address}
	require.Eventually(t, func() bool {
		resp, err := http.Get(prom.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 30*time.Second, 100*time.Millisecond)
	return prom
}

// firing lists the alerts that fire, as "job alert/severity". A rule that cannot be evaluated fails the test.
func (p *prometheus) firing(t *testing.T) []string {
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, LastError string }
			}
		}
	}
	p.get(t, "/api/v1/rules", &rules)
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			require.Empty(t, r.LastError, r.Name)
		}
	}
	var found struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	p.get(t, "/api/v1/query?query="+url.QueryEscape(`group by (job, alertname, severity) (ALERTS{alertstate="firing"})`), &found)
	var alerts []string
	for _, r := range found.Data.Result {
		alerts = append(alerts, fmt.Sprintf("%s %s/%s", r.Metric["job"], r.Metric["alertname"], r.Metric["severity"]))
	}
	return alerts
}

func (p *prometheus) get(t *testing.T, path string, into any) {
	resp, err := http.Get(p.url + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}
