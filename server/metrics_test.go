package server_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
)

// The page is written with: go test ./server -run TestMetricsPage -update
var update = flag.Bool("update", false, "write docs/metrics.md")

const metricsPage = "../docs/metrics.md"

// exported is one metric as it is registered.
type exported struct{ name, kind, labels, help string }

// known is one metric of etcd: see testdata/etcd-metrics.tsv.
type known struct{ name, kind, labels, releases string }

// notHere are etcd's metrics that petcd does not export, by prefix, with the reason. A number that stands for nothing would
// be worse than none.
var notHere = []struct{ prefix, why string }{
	{"etcd_debugging_disk_backend_commit_", "phases of a commit in bbolt; there are none in Pebble"},
	{"etcd_debugging_mvcc_index_compaction_pause_", "there is no index in memory whose compaction could pause anybody"},
	{"etcd_debugging_mvcc_pending_events_total", "no event is queued for a watcher: a watcher is a cursor. Those that are behind count in etcd_debugging_mvcc_slow_watcher_total"},
	{"etcd_debugging_snap_save_", "the log needs no snapshot file to be cut"},
	{"etcd_snap_fsync_", "the log needs no snapshot file to be cut"},
	{"etcd_snap_db_fsync_", "the files of a snapshot from the leader are synced as they come; etcd_snap_db_save_total_duration_seconds has it all"},
	{"etcd_proxy_", "of the v2 proxy, which etcd gave up in 3.6"},
	{"etcd_grpc_proxy_cache_", "of `etcd grpc-proxy`, which has no cache here"},
	{"etcd_grpc_proxy_", "not a member's: `etcd grpc-proxy` exports it itself"},
}

// TestMetricsPage compares docs/metrics.md with what a member registers, and accounts for every metric of etcd.
func TestMetricsPage(t *testing.T) {
	here, theirs := registered(t), etcdMetrics(t)
	for _, e := range theirs {
		i := slices.IndexFunc(here, func(h exported) bool { return h.name == e.name })
		reason := whyNotHere(e.name)
		if i < 0 {
			require.NotEmpty(t, reason, "%s is neither exported nor explained", e.name)
			continue
		}
		require.Empty(t, reason, "%s is exported and explained away", e.name)
		if here[i].kind == "" {
			here[i].kind = e.kind // a vector without series
		}
		require.Equal(t, e.kind, here[i].kind, e.name)
		require.Equal(t, sortedLabels(e.labels), sortedLabels(here[i].labels), e.name)
	}
	page := writePage(here, theirs)
	if *update {
		require.NoError(t, os.WriteFile(metricsPage, page, 0o644))
	}
	committed, err := os.ReadFile(metricsPage)
	require.NoError(t, err)
	for line := range strings.Lines(string(page)) {
		require.True(t, bytes.Contains(committed, []byte(line)), "docs/metrics.md lacks %sRun: go test ./server -run TestMetricsPage -update", line)
	}
	require.Len(t, committed, len(page), "docs/metrics.md has lines of metrics that are gone")
}

// TestMembersShareNoMetrics writes to one of two members of one process, which are two clusters.
func TestMembersShareNoMetrics(t *testing.T) {
	ca, cb := servertest.Start(t, 1), servertest.Start(t, 1)
	a, b := ca.Members[0], cb.Members[0]
	before := counted(t, b.Registry, "etcd_mvcc_put_total")
	client := ca.Client()
	for range 3 {
		_, err := client.Put(t.Context(), "k", "v")
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, counted(t, a.Registry, "etcd_mvcc_put_total"))
	require.EqualValues(t, 3, counted(t, a.Registry, "etcd_debugging_mvcc_put_total"), "the name of etcd 3.4")
	require.Equal(t, before, counted(t, b.Registry, "etcd_mvcc_put_total"))
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.NotContains(t, f.GetName(), "etcd", "registered globally")
	}
}

// counted is the value of a counter without labels.
func counted(t *testing.T, r *prometheus.Registry, name string) float64 {
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.Fail(t, "no such metric", name)
	return 0
}

// descPattern is how client_golang prints what a metric is, the only way to have it of a vector without series.
var descPattern = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)", (?:unit: "[^"]*", )?constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

// registered lists what a member registers.
func registered(t *testing.T) []exported {
	c := servertest.Start(t, 1, servertest.WithConfig(func(c *config.Config) { c.Metrics = "extensive" }))
	m := c.Members[0]
	families, err := m.Registry.Gather()
	require.NoError(t, err)
	kinds := map[string]string{}
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		m.Registry.Describe(descs)
		close(descs)
	}()
	var texts []string // all of them first: Describe holds the registry's lock
	for d := range descs {
		texts = append(texts, d.String())
	}
	var all []exported
	for _, text := range texts {
		parts := descPattern.FindStringSubmatch(text)
		require.NotNil(t, parts, text)
		all = append(all, exported{parts[1], kinds[parts[1]], parts[3], strings.ReplaceAll(parts[2], `\"`, `"`)})
	}
	slices.SortFunc(all, func(a, b exported) int { return strings.Compare(a.name, b.name) })
	return all
}

// etcdMetrics reads the list of etcd's.
func etcdMetrics(t *testing.T) []known {
	data, err := os.ReadFile("testdata/etcd-metrics.tsv")
	require.NoError(t, err)
	var all []known
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, f, 4, line)
		all = append(all, known{f[0], f[1], f[2], f[3]})
	}
	return all
}

// whyNotHere is the reason to leave a metric of etcd out; empty when there is none.
func whyNotHere(name string) string {
	for _, n := range notHere {
		if strings.HasPrefix(name, n.prefix) {
			return n.why
		}
	}
	return ""
}

func sortedLabels(s string) []string {
	labels := strings.Split(s, ",")
	slices.Sort(labels)
	return labels
}

// writePage is docs/metrics.md.
func writePage(here []exported, theirs []known) []byte {
	var b bytes.Buffer
	b.WriteString(`# Metrics

What ` + "`/metrics`" + ` shows, under etcd's names, with what each means here. Generated from what a member registers: ` +
		"`go test ./server -run TestMetricsPage -update`" + `.
The metrics of the Go runtime (` + "`go_*`" + `) and of the process (` + "`process_*`" + `) are there, too. The last column says in which
releases of etcd a metric of this name exists. [monitoring.md](monitoring.md) says what to watch.

| name | type | labels | what it means here | etcd |
|---|---|---|---|---|
`)
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	for _, h := range here {
		releases := "–"
		if i := slices.IndexFunc(theirs, func(k known) bool { return k.name == h.name }); i >= 0 {
			releases = strings.ReplaceAll(theirs[i].releases, ",", ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", h.name, h.kind, strings.ReplaceAll(h.labels, ",", ", "), cell(h.help), releases)
	}
	b.WriteString("\n## etcd's metrics that are not here\n\n| name | etcd | why |\n|---|---|---|\n")
	for _, k := range theirs {
		if why := whyNotHere(k.name); why != "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.name, strings.ReplaceAll(k.releases, ",", ", "), cell(why))
		}
	}
	return b.Bytes()
}
