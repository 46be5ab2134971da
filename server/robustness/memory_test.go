package robustness

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// TestStrictPowerCuts is the kill campaign on files that lose exactly what was not synced, or some of it. The members are in
// this process, the network and the clients are real. PETCD_POWERCUTS says how many cuts (6).
func TestStrictPowerCuts(t *testing.T) {
	if target() != process.Petcd {
		t.Skip("the members are petcd's")
	}
	t.Parallel() // it waits more than it works
	cuts := number(t, "PETCD_POWERCUTS", 6)
	s := seed(t)
	all := lanes(t, inMemoryWith(s), Campaign{Seed: s, V2: v2Load(12), Faults: slices.Concat(Kills(), Chores()), Epoch: int(min(cuts, 16))})
	sum, err := RunTogether(t.Context(), all, 0, int(cuts), budget(t))
	t.Logf("every kill a power cut: %v", sum)
	require.NoError(t, err)
	require.Positive(t, sum.Kills)
}

// TestPlantedUnsyncedLogIsFoundStrictly lets members acknowledge what they have not synced.
func TestPlantedUnsyncedLogIsFoundStrictly(t *testing.T) {
	if target() != process.Petcd {
		t.Skip("the members are petcd's")
	}
	t.Parallel() // it waits more than it works
	c := Campaign{
		Cluster: membersOn(t, 3, inMemoryWith(1), "--unsafe-no-fsync"),
		Seed:    seed(t),
		Traffic: EtcdHigh(),
		Faults:  slices.DeleteFunc(Kills(), func(f Fault) bool { return f.Name != "kill all" }),
		Epoch:   3,
		Logf:    t.Logf,
	}
	_, err := c.Run(t.Context(), 12, 0, time.Minute)
	require.Error(t, err)
}

// inMemoryWith makes members in this process.
func inMemoryWith(seed uint64) func(*process.Member) (machine, error) {
	return func(m *process.Member) (machine, error) { return newInMemory(m, seed) }
}
