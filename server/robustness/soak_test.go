package robustness

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// flatFrom is the shortest soak whose growth says anything: before, caches fill.
	flatFrom = 10 * time.Minute
	// soakSamples is how many samples of a member a soak takes, about.
	soakSamples = 500
)

// TestSoak runs Kubernetes' traffic for a long time, under faults that no process dies of, so that what a process gathers
// shows. PETCD_SOAK says how long (3s), PETCD_SOAK_DIR where samples and plot go. Everything that a campaign checks is checked.
func TestSoak(t *testing.T) {
	t.Parallel() // it waits more than it works
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("measures processes by /proc: ", err)
	}
	long := 3 * time.Second
	if text := os.Getenv("PETCD_SOAK"); text != "" {
		var err error
		long, err = time.ParseDuration(text)
		require.NoError(t, err, "PETCD_SOAK")
	}
	traffic := Kubernetes()
	traffic.Pause = 60 * time.Millisecond
	c := Campaign{
		Cluster:  threeMembers(t),
		Seed:     seed(t),
		Traffic:  traffic,
		Watchers: watchers(),
		Faults:   slices.DeleteFunc(slices.Concat(Separations(), OneWay(), Chores()), func(f Fault) bool { return strings.Contains(f.Name, "kill") }),
		Epoch:    6,
		Calm:     min(10*time.Second, long/4),
		Tidy:     true,
		Logf:     t.Logf,
	}
	ctx, stop := context.WithCancel(t.Context())
	var samples []Sample
	var sampling sync.WaitGroup
	sampling.Go(func() { samples = c.Cluster.sample(ctx, max(long/soakSamples, 200*time.Millisecond)) })
	sum, err := c.Run(t.Context(), math.MaxInt, 0, long)
	stop()
	sampling.Wait()
	t.Log(sum)
	report(t, samples)
	require.NoError(t, err)
	require.Positive(t, sum.Faults)
	require.NotEmpty(t, samples)
	for member := range 3 {
		for _, q := range quantities() {
			trend := theilSen(column(samples, member, samples[len(samples)-1].At/2, q))
			t.Logf("member %d: %s: %.1f %s, %+.1f over the second half", member, q.name, trend.median/q.scale, q.unit, trend.growth/q.scale)
		}
	}
	if long >= flatFrom {
		require.NoError(t, checkFlat(samples, 3))
	}
}

// report writes the samples and their plot.
func report(t *testing.T, samples []Sample) {
	t.Helper()
	dir := os.Getenv("PETCD_SOAK_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	table, err := os.Create(filepath.Join(dir, "soak.csv"))
	require.NoError(t, err)
	defer table.Close()
	require.NoError(t, writeCSV(table, samples))
	page, err := os.Create(filepath.Join(dir, "soak.html"))
	require.NoError(t, err)
	defer page.Close()
	require.NoError(t, writePlot(page, "petcd under Kubernetes' traffic and faults", samples, 3))
	t.Logf("samples and plot are in %s", dir)
}
