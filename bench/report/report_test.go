package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/bench/measure"
)

// pair is what most tests compare.
var pair = []string{"petcd", "3.7.3"}

// drifting is three pairs on a machine that gets slower: every pair says 2x, the medians' ratio not.
func drifting() *Report {
	row := Row{Name: "put", Members: 3, Unit: "put", Parameters: map[string]string{"conns": "2", "clients": "4"}}
	for turn, speed := range []float64{1000, 400, 100} {
		row.Runs = append(row.Runs,
			Run{Target: "petcd", Pair: turn, Figures: map[Figure]float64{PerSecond: 2 * speed, CPU: 10e-6}},
			Run{Target: "3.7.3", Pair: turn, Figures: map[Figure]float64{PerSecond: speed, CPU: 40e-6}})
	}
	return &Report{Targets: pair, Rows: []Row{row}}
}

func TestRatiosArePaired(t *testing.T) {
	r := drifting()
	r.Rows[0].Runs[2].Figures[PerSecond] = 4 * 400 // the middle pair says 4x, the median stays 2x
	got, ok := r.Rows[0].ratio("petcd", "3.7.3", PerSecond.of)
	require.True(t, ok)
	require.InDelta(t, 2, got, 1e-9)

	mid, ok := r.Rows[0].median("petcd", PerSecond.of)
	require.True(t, ok)
	require.InDelta(t, 1600, mid, 1e-9)
	require.Equal(t, 1, r.Rows[0].middle("3.7.3").Pair)
}

func TestMedian(t *testing.T) {
	_, ok := median(nil)
	require.False(t, ok)
	odd, _ := median([]float64{9, 1, 5})
	require.InDelta(t, 5, odd, 0)
	even, _ := median([]float64{9, 1, 5, 7})
	require.InDelta(t, 6, even, 0)
}

func TestVerdicts(t *testing.T) {
	row := &drifting().Rows[0]
	for _, c := range []struct {
		goal Goal
		want Verdict
		text string
	}{
		{Goal{Figure: PerSecond, Least: 2}, Met, "≥ 2x"},
		{Goal{Figure: PerSecond, Least: 2.1}, Short, "≥ 2.1x"},
		{Goal{Figure: CPU, Most: .25}, Met, "≤ 0.25x"},
		{Goal{Figure: CPU, Most: .2}, Short, "≤ 0.2x"},
		{Goal{Figure: CPU, Most: 10e-6, Own: true}, Met, "≤ 10 µs"},
		{Goal{Figure: CPU, Most: 9e-6, Own: true}, Short, "≤ 9 µs"},
		{Goal{Figure: RSS, Most: 2}, Unmeasured, "≤ 2x"},
		{Goal{Figure: RSS, Most: 1 << 30, Own: true}, Unmeasured, "≤ 1024.0 MiB"},
	} {
		require.Equal(t, c.want, row.Judge(c.goal, pair), c.text)
		require.Equal(t, c.text, c.goal.String())
	}
	require.Equal(t, Unmeasured, row.Judge(Goal{Figure: PerSecond, Least: 2}, pair[:1]))
	require.Equal(t, Met, row.Judge(Goal{Figure: CPU, Most: 1, Own: true}, pair[:1]))

	// I3: what failed meets no goal; what fails elsewhere is not held against it.
	row.Runs[1].Errors = map[string]int64{"no space": 2}
	require.Equal(t, Met, row.Judge(Goal{Figure: PerSecond, Least: 2}, pair))
	row.Runs[0].Errors = map[string]int64{"no space": 1}
	require.Equal(t, Short, row.Judge(Goal{Figure: PerSecond, Least: 2}, pair))
}

// table prints a report's, without the padding.
func table(t *testing.T, r *Report) []string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, r.WriteTable(&out))
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// TestTableOfGoals also holds invariant I2: what was not measured is a dash.
func TestTableOfGoals(t *testing.T) {
	r := drifting()
	r.Targets = append(r.Targets, "3.4.23")
	r.Rows[0].Goals = []Goal{{Figure: PerSecond, Least: 2}, {Figure: CPU, Most: .2}, {Figure: RSS, Most: 1}}
	require.Equal(t, []string{
		"row figure petcd 3.7.3 3.4.23 ratio goal",
		"put, 3 members op/s 800 400 - 2.00x ≥ 2x met",
		"CPU/unit 10 µs 40 µs - 0.25x ≤ 0.2x short",
		"RSS - - - - ≤ 1x not measured",
		"1 of 3 goals met",
	}, table(t, r))
}

func TestTableOfFigures(t *testing.T) {
	r := drifting()
	r.Rows[0].Runs[0].Errors = map[string]int64{"no": 2, "space": 1}
	for i := range 2 {
		r.Rows[0].Runs[i].AddLatency("event", measure.Percentiles{Count: 1, P50: 1e6, P99: 3e6}, nil)
	}
	require.Equal(t, []string{
		"",
		"put, 3 members (clients=4 conns=2)",
		"per put petcd 3.7.3 ratio",
		"op/s 800 400 2.00x",
		"CPU/unit 10 µs 40 µs 0.25x",
		"event: p50 1 ms 1 ms 1.00x",
		"event: p99 3 ms 3 ms 1.00x",
		"errors 3 0 -",
		"put, 3 members, petcd, turn 1: 1 times: space",
		"put, 3 members, petcd, turn 1: 2 times: no",
	}, table(t, r))
}

// TestJSONHoldsEveryRun holds invariant I1.
func TestJSONHoldsEveryRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	want := drifting()
	require.NoError(t, want.WriteFile(path))
	got, err := ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestOtherFilesAreNoReports(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.json")
	for _, text := range []string{"", "[]", "{}", `{"cases":[{"name":"put"}]}`} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := ReadFile(path)
		require.ErrorIs(t, err, ErrFormat, text)
	}
	_, err := ReadFile(path + "absent")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestEveryFigureIsListed: one that is not would be printed as a ratio, and last.
func TestEveryFigureIsListed(t *testing.T) {
	seen := make(map[Figure]bool)
	for _, f := range figures {
		require.False(t, seen[f.name], f.name)
		seen[f.name] = true
	}
	text, err := os.ReadFile("figure.go")
	require.NoError(t, err)
	constants, _, _ := strings.Cut(string(text), "// scale is")
	require.Len(t, seen, strings.Count(constants, `Figure = "`))
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	require.Equal(t, "12.3 µs", seconds(12.34e-6))
	require.Equal(t, "1.5 ms", seconds(1.5e-3))
	require.Equal(t, "61 s", seconds(61))
	require.Equal(t, "512.0 MiB", bytes(512<<20))
	require.Equal(t, "12.0 GiB", bytes(12<<30))
	require.Equal(t, "0.0042", times(.0042))
}
