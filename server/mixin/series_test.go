package mixin

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

const (
	// minutes is how long the series are, evalAt when they are looked at: every alert had the time that it waits.
	minutes, evalAt = 60, "55m"
	// quotaBytes is the default quota.
	quotaBytes = 2 << 30
)

// fault changes the series of a healthy cluster: it returns the values that a series has instead, or "".
type fault struct {
	name  string
	plant func(s series) string
	fires []string // exactly these
}

// series is one series of a real scrape.
type series struct {
	name, instance string
	labels         map[string]string
	text           string // with its labels, as promtool takes it
	first, second  float64
}

// rising is a counter that rises by n a minute.
func rising(n float64) string { return fmt.Sprintf("0+%gx%d", n, minutes) }

// fixed is a gauge that stays at v.
func fixed(v float64) string { return fmt.Sprintf("%g+0x%d", v, minutes) }

// slow makes a histogram's observations all longer than least.
func slow(s series, metric string, least float64) string {
	if s.name != metric+"_bucket" {
		return ""
	}
	if le, err := strconv.ParseFloat(s.labels["le"], 64); err == nil && le <= least {
		return fixed(0)
	}
	return rising(600)
}

// at plants values in one metric of the first member.
func at(metric, values string) func(series) string {
	return func(s series) string {
		if s.name == metric && s.instance == "m0" {
			return values
		}
		return ""
	}
}

// down makes the first n members unreachable.
func down(n int) func(series) string {
	return func(s series) string {
		if s.name == "up" && s.instance < "m"+strconv.Itoa(n) {
			return fixed(0)
		}
		return ""
	}
}

var faults = []fault{
	{"healthy", func(series) string { return "" }, nil},
	{"member down", down(1), []string{"etcdMembersDown/warning"}},
	{"quorum lost", down(2), []string{"etcdMembersDown/warning", "etcdInsufficientMembers/critical"}},
	{"no leader", at("etcd_server_has_leader", fixed(0)), []string{"etcdNoLeader/critical"}},
	{"elections", at("etcd_server_leader_changes_seen_total", rising(1)), []string{"etcdHighNumberOfLeaderChanges/warning"}},
	{"requests fail", func(s series) string {
		if s.name == "grpc_server_handled_total" && s.labels["grpc_method"] == "Put" && s.labels["grpc_code"] == "Unavailable" {
			return rising(600)
		}
		return ""
	}, []string{"etcdHighNumberOfFailedGRPCRequests/warning", "etcdHighNumberOfFailedGRPCRequests/critical"}},
	{"requests slow", func(s series) string {
		if s.labels["grpc_method"] != "Put" {
			return ""
		}
		return slow(s, "grpc_server_handling_seconds", 0.1)
	}, []string{"etcdGRPCRequestsSlow/critical"}},
	{"network slow", func(s series) string { return slow(s, "etcd_network_peer_round_trip_time_seconds", 0.2) },
		[]string{"etcdMemberCommunicationSlow/warning"}},
	{"proposals fail", at("etcd_server_proposals_failed_total", rising(600)), []string{"etcdHighNumberOfFailedProposals/warning"}},
	{"log disk slow", func(s series) string { return slow(s, "etcd_disk_wal_fsync_duration_seconds", 0.512) },
		[]string{"etcdHighFsyncDurations/warning", "etcdHighFsyncDurations/critical"}},
	{"commits slow", func(s series) string { return slow(s, "etcd_disk_backend_commit_duration_seconds", 0.256) },
		[]string{"etcdHighCommitDurations/warning"}},
	{"quota nearly used", at("etcd_mvcc_db_total_size_in_bytes", fixed(quotaBytes*0.97)), []string{"etcdDatabaseQuotaLowSpace/critical", "etcdDatabaseHighFragmentationRatio/warning"}},
	{"growing", at("etcd_mvcc_db_total_size_in_bytes", rising(quotaBytes/200)), []string{"etcdExcessiveDatabaseGrowth/warning", "etcdDatabaseHighFragmentationRatio/warning"}},
	{"fragmented", func(s series) string {
		switch s.name {
		case "etcd_mvcc_db_total_size_in_bytes":
			return fixed(400e6)
		case "etcd_mvcc_db_total_size_in_use_in_bytes":
			return fixed(150e6)
		}
		return ""
	}, []string{"etcdDatabaseHighFragmentationRatio/warning"}},
}

// TestEveryAlert plants a fault for each alert into what three real members show, and has promtool evaluate the mixin's
// rules over an hour of it.
func TestEveryAlert(t *testing.T) {
	p := fetched(t)
	rules := loadRules(t, p.rules)
	recorded := record(t, metricsOf(rules))
	fired := map[string]bool{}
	var tests []any
	for _, f := range faults {
		// Sizes beside which a planted one counts as fragmentation are those of a store that is in use.
		inUse := strings.Join(f.fires, " ")
		tests = append(tests, f.promtool(recorded, strings.Contains(inUse, "Fragmentation")))
		for _, id := range f.fires {
			fired[id] = true
		}
	}
	for _, r := range rules.Groups[0].Rules {
		require.True(t, fired[r.id()], "no fault is planted for %s", r.id())
	}
	file := filepath.Join(t.TempDir(), "tests.json")
	writeJSON(t, file, map[string]any{"rule_files": []string{p.rules}, "evaluation_interval": "1m", "tests": tests})
	promtoolRun(t, p, "test", "rules", file)
}

// promtool is the fault as a test of promtool's: the series, and the alerts that fire in the end.
func (f fault) promtool(recorded []series, used bool) map[string]any {
	var input []any
	for _, s := range recorded {
		values := f.plant(s)
		if values == "" && used && s.name == "etcd_mvcc_db_total_size_in_use_in_bytes" {
			values = fixed(200e6)
		}
		if values == "" {
			values = fmt.Sprintf("%g+%gx%d", s.first, math.Max(s.second-s.first, 0), minutes)
		}
		input = append(input, map[string]string{"series": s.text, "values": values})
	}
	var firing []any
	for _, id := range f.fires {
		alert, severity, _ := strings.Cut(id, "/")
		firing = append(firing, map[string]any{"labels": fmt.Sprintf(`{alertname=%q, severity=%q}`, alert, severity), "value": 1})
	}
	return map[string]any{
		"name": f.name, "interval": "1m", "input_series": input,
		"promql_expr_test": []any{map[string]any{
			"expr":      `group by (alertname, severity) (ALERTS{alertstate="firing"})`,
			"eval_time": evalAt, "exp_samples": firing,
		}},
	}
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
var label = regexp.MustCompile(`([A-Za-z_]+)="((?:[^"\\]|\\.)*)"`)

// record scrapes a real cluster twice under load and keeps the series of the given metrics. Counters go on as they did
// between the scrapes, as if those were a minute apart.
func record(t *testing.T, metrics map[string]bool) []series {
	c := startCluster(t, process.Config{Members: 3})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	load := startLoad(t, c)
	defer load.stop()
	load.wait(t, 100)
	first := scrape(t, ctx, c)
	load.wait(t, 300)
	second := scrape(t, ctx, c)
	var recorded []series
	seen := map[string]bool{}
	for key, s := range second {
		base := strings.TrimSuffix(s.name, "_bucket")
		if !metrics[s.name] && !metrics[base] {
			continue
		}
		seen[s.name] = true
		if method := s.labels["grpc_method"]; method != "" && method != "Put" && method != "Range" {
			continue // all methods are alike
		}
		s.second, s.first = s.first, first[key].first
		recorded = append(recorded, s)
	}
	for name := range metrics {
		require.True(t, seen[name], "no member shows %s", name)
	}
	for i := range c.Members() {
		up := fmt.Sprintf("m%d", i)
		recorded = append(recorded, series{name: "up", instance: up, text: fmt.Sprintf(`up{job="etcd",instance=%q}`, up), first: 1, second: 1})
	}
	return recorded
}

// scrape reads all members' metrics, by their text.
func scrape(t *testing.T, ctx context.Context, c *process.Cluster) map[string]series {
	all := map[string]series{}
	for i, m := range c.Members() {
		_, body, err := m.Get(ctx, "/metrics")
		require.NoError(t, err)
		instance := fmt.Sprintf("m%d", i)
		for _, line := range sample.FindAllStringSubmatch(body, -1) {
			value, err := strconv.ParseFloat(line[3], 64)
			require.NoError(t, err, line[0])
			s := series{name: line[1], instance: instance, labels: map[string]string{}, first: value}
			for _, l := range label.FindAllStringSubmatch(line[2], -1) {
				s.labels[l[1]] = l[2]
			}
			more := ""
			if line[2] != "" {
				more = "," + line[2]
			}
			s.text = fmt.Sprintf(`%s{job="etcd",instance=%q%s}`, s.name, instance, more)
			all[s.text] = s
		}
	}
	return all
}
