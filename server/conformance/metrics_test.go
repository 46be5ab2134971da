package conformance

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// metricsCases: every metric whose name is one of etcd's has etcd's type and labels. The list they are compared with is also
// what docs/metrics.md is generated from; running on the real etcd shows that it is right.
func metricsCases(s *suite) {
	s.run("names", func(t *testing.T, e *env) {
		known := etcdMetrics(t)
		e.put(t, "a", "1")
		code, body, err := e.cluster.Member(0).Get(e.ctx, "/metrics")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		seen := 0
		for _, m := range typeLine.FindAllStringSubmatch(body, -1) {
			name, kind := m[1], m[2]
			k, ok := known[name]
			if !ok {
				if e.target.name != process.Petcd {
					require.NotRegexp(t, `^(etcd|grpc|promhttp)_`, name, "not in the list")
				}
				continue
			}
			seen++
			require.Equal(t, k.kind, kind, name)
			require.Equal(t, k.labels, labelsOf(body, name), name)
		}
		require.Greater(t, seen, 60)
	})
}

// knownMetric is what etcd says of one metric.
type knownMetric struct {
	kind   string
	labels []string
}

// etcdMetrics reads the list.
func etcdMetrics(t *testing.T) map[string]knownMetric {
	data, err := os.ReadFile("../testdata/etcd-metrics.tsv")
	require.NoError(t, err)
	known := map[string]knownMetric{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			known[f[0]] = knownMetric{f[1], sortedNames(f[2])}
		}
	}
	return known
}

var (
	typeLine  = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	labelName = regexp.MustCompile(`([A-Za-z_]+)="(?:[^"\\]|\\.)*"`)
)

// labelsOf are the labels of a metric's first series in an exposition, the buckets' bound left out.
func labelsOf(body, name string) []string {
	series := regexp.MustCompile(`(?m)^` + name + `(?:_count)?(?:\{(.*)\})? `).FindStringSubmatch(body)
	if series == nil {
		return nil
	}
	var names []string
	for _, m := range labelName.FindAllStringSubmatch(series[1], -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// sortedNames splits a list at its commas.
func sortedNames(s string) []string {
	if s == "" {
		return nil
	}
	names := strings.Split(s, ",")
	slices.Sort(names)
	return names
}
