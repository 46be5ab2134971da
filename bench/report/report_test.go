package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/bench/measure"
)

// drifting is three pairs on a machine that gets slower: every pair says 2x, the medians' ratio not.
func drifting() *Report {
	c := Case{Name: "put", Members: 3, Unit: "put", Parameters: map[string]string{"conns": "2", "clients": "4"}}
	for pair, speed := range []float64{1000, 400, 100} {
		c.Runs = append(c.Runs,
			Run{Target: "petcd", Pair: pair, PerSecond: 2 * speed, CPUPerUnit: 10 * time.Microsecond},
			Run{Target: "3.7.3", Pair: pair, PerSecond: speed, CPUPerUnit: 40 * time.Microsecond})
	}
	c.Runs[0].Errors = map[string]int64{"no": 2, "space": 1}
	c.Runs[0].Details = map[string]measure.Percentiles{"event": {Count: 1, P50: time.Millisecond}}
	return &Report{Cases: []Case{c}}
}

func TestRatiosArePaired(t *testing.T) {
	r := drifting()
	r.Cases[0].Runs[2].PerSecond = 4 * 400 // the middle pair says 4x, the median stays 2x
	got, ok := r.Cases[0].ratio("petcd", "3.7.3", columns[0].get)
	require.True(t, ok)
	require.InDelta(t, 2, got, 1e-9)

	mid, ok := r.Cases[0].median("petcd", columns[0].get)
	require.True(t, ok)
	require.InDelta(t, 1600, mid, 1e-9)
}

func TestMedian(t *testing.T) {
	_, ok := median(nil)
	require.False(t, ok)
	odd, _ := median([]float64{9, 1, 5})
	require.InDelta(t, 5, odd, 0)
	even, _ := median([]float64{9, 1, 5, 7})
	require.InDelta(t, 6, even, 0)
}

// TestTable also holds invariant I2: what was not measured is a dash.
func TestTable(t *testing.T) {
	var out strings.Builder
	require.NoError(t, drifting().WriteTable(&out))
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	require.Equal(t, []string{
		"",
		"put, 3 members (clients=4 conns=2; CPU per put)",
		"target runs op/s p50 p90 p99 p99.9 CPU/unit loader CPU RSS RSS peak disk errors",
		"petcd 3 800 - - - - 10µs - - - - 3",
		"3.7.3 3 400 - - - - 40µs - - - - 0",
		"petcd / 3.7.3 2.00x - - 0.25x - -",
		"petcd event: p50 1ms p99 0µs p99.9 0µs",
	}, lines)
}

// TestJSONHoldsEveryRun holds invariant I1.
func TestJSONHoldsEveryRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	want := drifting()
	require.NoError(t, want.WriteFile(path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var got Report
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, want.Cases, got.Cases)
}

func TestStoresSideBySide(t *testing.T) {
	r := &Report{Stores: []Store{
		{Target: "petcd", Keys: 5, Ready: time.Second, Checks: []Check{{Name: "count", First: time.Millisecond}}},
		{Target: "3.7.3", Keys: 5, Checks: []Check{{Name: "count", First: 2 * time.Millisecond, Wrong: []string{"count 4, not 5"}}}},
	}}
	var out strings.Builder
	require.NoError(t, r.WriteTable(&out))
	text := strings.Join(strings.Fields(out.String()), " ")
	require.Contains(t, text, "5 keys petcd 3.7.3")
	require.Contains(t, text, "restart until ready 1s -")
	require.Contains(t, text, "count: first 1ms 2ms")
	require.Contains(t, text, "count: right yes NO: count 4, not 5")
}
