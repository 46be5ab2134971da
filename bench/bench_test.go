package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/server/process"
)

// bench runs the command and reads back its JSON and table.
func bench(t *testing.T, args ...string) (report.Report, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bench.json")
	var table, log strings.Builder
	cmd := root()
	cmd.SetArgs(append(args, "--json", path, "--data", t.TempDir(), "--seed", "7"))
	cmd.SetOut(&table)
	cmd.SetErr(&log)
	require.NoError(t, cmd.ExecuteContext(t.Context()), log.String())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var r report.Report
	require.NoError(t, json.Unmarshal(data, &r))
	return r, table.String()
}

// TestEveryCaseMeasuresPetcd runs each command with a handful of operations, two targets in turns.
func TestEveryCaseMeasuresPetcd(t *testing.T) {
	found, err := process.Locate(t.Context(), process.Petcd, t.TempDir())
	require.NoError(t, err)
	one, other := "one="+found.Etcd, "other="+found.Etcd
	for name, args := range map[string]string{
		"put":          "put",
		"put pods":     "put --value-kind pod --sequential --leader=false",
		"open loop":    "put --rate 500",
		"range":        "range",
		"serializable": "range --serializable",
		"txn":          "txn --shape puts8",
		"txn mixed":    "txn --shape mixed",
		"watch":        "watch-latency --streams 2 --watchers 3",
		"lease":        "lease",
		"v2 set":       "v2-set",
		"v2 get":       "v2-get --keys 50",
		"v2 quorum":    "v2-get --quorum --members 3 --keys 50",
		"v2 watch":     "v2-watch --watchers 6 --keys 1",
	} {
		t.Run(name, func(t *testing.T) {
			name, own, _ := strings.Cut(args, " ")
			r, table := bench(t, append([]string{name, "--target", one, "--target", other,
				"--conns", "2", "--clients", "4", "--ops", "400", "--keys", "1000", "--warmup", "0"}, strings.Fields(own)...)...)
			require.Len(t, r.Cases, 1)
			require.Len(t, r.Cases[0].Runs, 2)
			for i, run := range r.Cases[0].Runs {
				require.Equal(t, []string{"one", "other"}[i], run.Target)
				require.EqualValues(t, 400, run.Operations)
				require.EqualValues(t, 400, run.Latency.Count)
				require.Empty(t, run.Errors)
				require.Positive(t, run.Latency.P50)
				require.Positive(t, run.RSSBytes)
				require.Positive(t, run.DiskBytes)
				for detail, p := range run.Details {
					require.EqualValues(t, 400*2*3, p.Count, detail)
				}
			}
			require.Contains(t, table, "one / other")
		})
	}
}

// TestBigstoreChecksItsAnswers loads, restarts and asks a small store of three members.
func TestBigstoreChecksItsAnswers(t *testing.T) {
	found, err := process.Locate(t.Context(), process.Petcd, t.TempDir())
	require.NoError(t, err)
	r, table := bench(t, "bigstore", "--target", "petcd="+found.Etcd, "--members", "3", "--keys", "5000", "--value-size", "100",
		"--conns", "4", "--clients", "40", "--limit", "50")
	require.Len(t, r.Stores, 1)
	st := r.Stores[0]
	require.Positive(t, st.Ready)
	require.Positive(t, st.RSSFresh)
	require.Len(t, st.Checks, 4)
	require.EqualValues(t, 4995, st.Checks[0].Answer)
	require.EqualValues(t, 5000, st.Checks[2].Answer)
	for _, c := range st.Checks {
		require.Empty(t, c.Wrong, c.Name)
	}
	require.Contains(t, table, "restart until ready")
}

func TestImpossibleSettingsAreRefused(t *testing.T) {
	for _, args := range []string{
		"put --target nowhere",
		"put --clients 1 --conns 2",
		"put --ops 0 --duration 0",
		"put --key-size 2 --keys 1000",
		"put --value-kind lead",
		"put --pairs 0",
		"compare --only nothing",
		"bigstore --value-size 0",
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
