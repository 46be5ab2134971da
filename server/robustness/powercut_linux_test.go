package robustness

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestPowerCuts is the kill campaign on disks whose power goes with the process: one member's, a majority's, all of them.
// PETCD_POWERCUTS says how many (4).
func TestPowerCuts(t *testing.T) {
	t.Parallel() // it waits more than it works
	if !alone(t, unix.CLONE_NEWNS) {
		return
	}
	cuts := number(t, "PETCD_POWERCUTS", 4)
	all := lanes(t, onDisk, Campaign{V2: v2Load(12), Faults: slices.Concat(Kills(), Chores()), Epoch: int(min(cuts, 8))})
	sum, err := RunTogether(t.Context(), all, 0, int(cuts), budget(t))
	t.Logf("every kill a power cut: %v", sum)
	require.NoError(t, err)
	require.Positive(t, sum.Kills)
}

// TestPlantedUnsyncedLogIsFound lets members acknowledge what they have not synced. Power cuts must show that.
func TestPlantedUnsyncedLogIsFound(t *testing.T) {
	if os.Getenv("PETCD_POWERCUTS") == "" {
		t.Skip("takes half a minute: set PETCD_POWERCUTS")
	}
	t.Parallel() // it waits more than it works
	if !alone(t, unix.CLONE_NEWNS) {
		return
	}
	c := Campaign{
		Cluster: membersOn(t, 3, onDisk, "--unsafe-no-fsync"),
		Seed:    seed(t),
		Traffic: EtcdHigh(),
		Faults:  slices.DeleteFunc(Kills(), func(f Fault) bool { return f.Name != "kill all" }),
		Epoch:   3,
		Logf:    t.Logf,
	}
	_, err := c.Run(t.Context(), 12, 0, time.Minute)
	require.Error(t, err)
	t.Log(err.Error()[:min(len(err.Error()), 400)])
}
