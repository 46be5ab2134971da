package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/server/process"
)

// petcd is the server to measure, with etcdutl beside it.
func petcd(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	found, err := process.Locate(t.Context(), process.Petcd, dir)
	require.NoError(t, err)
	if _, err := exec.LookPath(filepath.Join(filepath.Dir(found.Etcd), "etcdutl")); err != nil {
		root, err := process.RepositoryRoot()
		require.NoError(t, err)
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Dir(found.Etcd), "./server/cmd/etcdutl")
		build.Dir = root
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return found.Etcd
}

// bench runs the command and reads back its JSON and table.
func bench(t *testing.T, args ...string) (*report.Report, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bench.json")
	var table, log strings.Builder
	cmd := root()
	cmd.SetArgs(append(args, "--json", path, "--data", t.TempDir(), "--seed", "7"))
	cmd.SetOut(&table)
	cmd.SetErr(&log)
	require.NoError(t, cmd.ExecuteContext(t.Context()), log.String())
	r, err := report.ReadFile(path)
	require.NoError(t, err)
	return r, table.String()
}

// TestEveryCaseMeasuresPetcd runs each command with a handful of operations, one of them with two targets in turns.
func TestEveryCaseMeasuresPetcd(t *testing.T) {
	server := petcd(t)
	for name, args := range map[string]string{
		"put":          "put",
		"put pods":     "put --value-kind pod --sequential --leader=false",
		"open loop":    "put --rate 500",
		"range":        "range",
		"serializable": "range --serializable --members 3",
		"txn":          "txn --shape puts8",
		"txn mixed":    "txn --shape mixed",
		"watch":        "watch --streams 2 --watchers 6",
		"watch a key":  "watch --streams 2 --watchers 1000 --per-key",
		"lease":        "lease",
		"v2 set":       "v2-set",
		"v2 get":       "v2-get --keys 50",
		"v2 quorum":    "v2-get --quorum --members 3 --keys 50",
		"v2 watch":     "v2-watch --watchers 6 --keys 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name, own, _ := strings.Cut(args, " ")
			arguments := append([]string{name, "--target", "one=" + server, "--conns", "2", "--clients", "4", "--ops", "400",
				"--duration", "0", "--keys", "1000", "--warmup", "0"}, strings.Fields(own)...)
			targets := 1
			if args == "put" {
				arguments, targets = append(arguments, "--target", "other="+server), 2
			}
			r, table := bench(t, arguments...)
			require.Len(t, r.Rows, 1)
			require.Len(t, r.Rows[0].Runs, targets)
			for i, run := range r.Rows[0].Runs {
				require.Equal(t, []string{"one", "other"}[i], run.Target)
				require.Empty(t, run.Errors)
				require.EqualValues(t, 400, run.Latencies[0].Count)
				for _, f := range []report.Figure{report.PerSecond, report.P50, report.P999, report.RSS, report.Disk} {
					require.Positive(t, run.Figures[f], f)
				}
				for _, events := range run.Latencies[1:] {
					require.Zero(t, events.Count%400, events.Name)
					require.InDelta(t, run.Figures[report.Events]/run.Figures[report.PerSecond], events.Count/400, 1e-6, events.Name)
				}
			}
			require.Contains(t, table, "one")
			require.Contains(t, table, "ratio")
		})
	}
}

// tiny is a scale at which a row takes about a second.
func tiny() scale {
	return scale{
		duration: 150 * time.Millisecond, clients: 4,
		keys: 500, watchers: 20, watchedKeys: 100, watchedPuts: 200, leases: 30, slack: 4 * time.Second,
		storeKeys: 3000, storeOld: 100, page: 50, repeats: 3, oldVersions: 2000,
		agedLive: 1 << 20, agedHistory: 1 << 20, behind: 1 << 20, rate: 200,
		nodes: 10, kubeDuration: 1200 * time.Millisecond, compactEvery: 500 * time.Millisecond,
	}
}

// TestEveryRowMeasuresWhatIsAskedOfIt runs each row once: every figure of its goals is there, and nothing failed.
func TestEveryRowMeasuresWhatIsAskedOfIt(t *testing.T) {
	server := petcd(t)
	for _, r := range append(table(tiny()), tableV2(tiny())...) {
		t.Run(r.title(), func(t *testing.T) {
			t.Parallel() // much of a row's time is waiting
			s := settings{targets: []string{"petcd=" + server}, pairs: 1, seed: 7, json: filepath.Join(t.TempDir(), "row.json"), dir: t.TempDir()}
			var out, log strings.Builder
			require.NoError(t, s.run(t.Context(), []row{r}, &out, &log))
			rep, err := report.ReadFile(s.json)
			require.NoError(t, err)
			require.Len(t, rep.Rows, 1)
			require.Len(t, rep.Rows[0].Runs, 1)
			run := rep.Rows[0].Runs[0]
			require.Empty(t, run.Errors)
			require.NotEmpty(t, run.Latencies)
			require.NotEmpty(t, run.Version)
			for _, g := range r.goals {
				// The kernel counts processor time in hundredths of a second, of which a moment may have none.
				if g.Figure != report.CPU && g.Figure != report.SaveCPU && g.Figure != report.CPUGrowth {
					require.Positive(t, run.Figures[g.Figure], g.Figure)
				}
			}
		})
	}
}

// TestRowsHaveNamesOfTheirOwn: a row is found by name and members, and asks for each figure once.
func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	for _, rows := range [][]row{table(fullScale()), tableV2(quickScale())} {
		seen := make(map[string]bool)
		for _, r := range rows {
			require.False(t, seen[r.title()], r.title())
			seen[r.title()] = true
			require.NoError(t, r.turn.Begin(7), r.title())
			figures := make(map[report.Figure]bool)
			for _, g := range r.goals {
				require.False(t, figures[g.Figure], "%s asks twice for %s", r.title(), g.Figure)
				figures[g.Figure] = true
				require.Positive(t, max(g.Least, g.Most))
			}
		}
	}
}

// TestQuickKeepsWhatIsGiven: the short form is overruled by flags.
func TestQuickKeepsWhatIsGiven(t *testing.T) {
	cmd := compareCommand()
	require.NoError(t, cmd.ParseFlags([]string{"--quick", "--leases", "77", "--behind", "3MiB"}))
	s, err := quicker(cmd.Flags())
	require.NoError(t, err)
	want := quickScale()
	want.leases, want.behind = 77, 3<<20
	require.Equal(t, want, s)
}

// TestBigstoreIsARowOfItsOwnSize fills, restarts, asks, saves, restores and defragments a small store of three members.
func TestBigstoreIsARowOfItsOwnSize(t *testing.T) {
	r, table := bench(t, "bigstore", "--target", "petcd="+petcd(t), "--members", "3", "--keys", "2000", "--value-size", "100",
		"--conns", "4", "--clients", "40", "--limit", "50", "--old", "200")
	run := r.Rows[0].Runs[0]
	require.Empty(t, run.Errors)
	for _, f := range []report.Figure{report.Load, report.Ready, report.RSSFresh, report.Count, report.PageOld, report.Restore, report.Pause} {
		require.Positive(t, run.Figures[f], f)
	}
	require.Contains(t, table, "restart until healthy")
}

// TestFillKeepsTheStore leaves the data and says where.
func TestFillKeepsTheStore(t *testing.T) {
	dir := t.TempDir()
	var out, log strings.Builder
	cmd := root()
	cmd.SetArgs([]string{"fill", "--target", "petcd=" + petcd(t), "--live", "1MiB", "--history", "2MiB", "--keep", "--data", dir})
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	require.NoError(t, cmd.ExecuteContext(t.Context()), log.String())
	kept, err := filepath.Glob(filepath.Join(dir, "bench-*", "m0", "data"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, log.String(), filepath.Dir(filepath.Dir(kept[0])))
}

// TestReportIsRenderedAgain: the table of a file is the one of its run.
func TestReportIsRenderedAgain(t *testing.T) {
	server := petcd(t)
	dir := t.TempDir()
	path, html := filepath.Join(dir, "a.json"), filepath.Join(dir, "a.html")
	run := func(args ...string) string {
		var out strings.Builder
		cmd := root()
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&strings.Builder{})
		require.NoError(t, cmd.ExecuteContext(t.Context()))
		return out.String()
	}
	first := run("put", "--target", "petcd="+server, "--ops", "100", "--duration", "0", "--warmup", "0",
		"--conns", "1", "--clients", "2", "--json", path)
	require.Equal(t, first, run("report", path, "--html", html))
	require.FileExists(t, html)
}

func TestImpossibleSettingsAreRefused(t *testing.T) {
	for _, args := range []string{
		"put --target nowhere",
		"put --clients 1 --conns 2",
		"put --ops 0 --duration 0",
		"put --key-size 2 --keys 1000",
		"put --value-kind lead",
		"put --pairs 0",
		"put --members 0",
		"compare --only nothing",
		"compare --aged-live much",
		"compare --quick --nodes 0",
		"bigstore --value-size 0",
		"bigstore --keys 1",
		"fill --live 0B",
		"kube --compact-every 0s",
	} {
		cmd := root()
		// Endpoints nobody listens on: what is impossible is refused before anything is asked.
		cmd.SetArgs(append(strings.Fields(args), "--seed", "7", "--target", "http://127.0.0.1:1"))
		cmd.SetOut(&strings.Builder{})
		cmd.SetErr(&strings.Builder{})
		err := cmd.ExecuteContext(t.Context())
		require.Error(t, err, args)
		require.NotContains(t, err.Error(), "127.0.0.1:1", args)
	}
}

// TestOneTargetsFaultIsAFinding: a row in which a target fails is reported, and the other targets have their turns.
func TestOneTargetsFaultIsAFinding(t *testing.T) {
	r, table := bench(t, "put", "--target", "http://127.0.0.1:1", "--target", "petcd="+petcd(t), "--ops", "10",
		"--duration", "0", "--conns", "1", "--clients", "1", "--warmup", "0")
	require.NotEmpty(t, r.Rows[0].Runs[0].Errors)
	require.Empty(t, r.Rows[0].Runs[1].Errors)
	require.Contains(t, table, "connection refused")
}
