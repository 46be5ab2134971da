package storage_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/storagetest"
)

var (
	crashTrials = flag.Int("crash.trials", 60, "number of random histories to crash")
	crashSeed   = flag.Uint64("crash.seed", 0, "seed of the first history; 0: from the clock of the run")
)

// trials is how many histories a crash test runs: few of them in a short run.
func trials() int {
	if testing.Short() {
		return max(1, *crashTrials/10)
	}
	return *crashTrials
}

// TestCrash runs random histories and, in the middle of random file
// operations, takes images of what a crash would leave. Each image must open,
// hold exactly the state at the applied index it claims, and no less than
// DurableApplied had promised; then the rest of the history is replayed on it.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	crashes := 0
	for trial := range trials() {
		crashes += crashHistory(t, seed+uint64(trial))
	}
	t.Logf("%d crashes", crashes)
	require.Positive(t, crashes)
}

// crashHistory runs the history of one seed and returns its number of crashes.
func crashHistory(t *testing.T, seed uint64) int {
	t.Logf("-crash.seed=%d -crash.trials=1", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	fs := storagetest.NewCrashFS(rand.New(rand.NewPCG(seed, 1)), 20+rng.IntN(200), 6)
	o := storage.Options{FS: fs, FlushInterval: -1, MemTableBytes: 64 << 10}
	s, err := storage.Open("data", o)
	require.NoError(t, err)
	fs.SetPromise(s.DurableApplied)

	var log []storagetest.Entry
	commits := map[uint64]bool{0: true}
	m := storagetest.NewModel()
	for range 20 + rng.IntN(60) {
		b := s.NewBatch()
		for range 1 + rng.IntN(20) {
			e := storagetest.RandomEntry(rng)
			log = append(log, e)
			storagetest.Apply(t, b, m, e)
		}
		index := uint64(len(log))
		commits[index] = true
		require.NoError(t, b.Commit(index, 1))
		switch rng.IntN(10) {
		case 0:
			require.NoError(t, s.Flush())
			require.Equal(t, index, s.DurableApplied())
		case 1:
			fs.CrashNow()
		}
	}
	fs.SetPromise(nil)
	require.NoError(t, s.Close())
	for _, c := range fs.Crashes() {
		checkCrash(t, c, log, commits, rng)
	}
	return len(fs.Crashes())
}

// checkCrash opens one image and holds it against the history.
func checkCrash(t *testing.T, c storagetest.Crash, log []storagetest.Entry, commits map[uint64]bool, rng *rand.Rand) {
	o := storage.Options{FS: c.FS, FlushInterval: -1, MemTableBytes: 64 << 10}
	s, err := storage.Open("data", o)
	require.NoError(t, err, "before operation %d on %s", c.Op, c.Path)
	defer func() { require.NoError(t, s.Close()) }()
	index, _ := s.Applied()
	require.True(t, commits[index], "the state is at %d, in the middle of a batch", index)
	require.GreaterOrEqual(t, index, c.Promise)
	require.Equal(t, index, s.DurableApplied())
	m := storagetest.Replay(log, index)
	storagetest.Compare(t, s, m, rng)

	b := s.NewBatch()
	for _, e := range log[index:] {
		index++
		storagetest.Apply(t, b, m, e)
	}
	require.NoError(t, b.Commit(index, 2))
	storagetest.Compare(t, s, m, rng)
}
