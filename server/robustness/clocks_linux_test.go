package robustness

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/server/process"
)

// skewed is a server whose members have clocks that are ten days apart: each process begins in a time namespace of its own.
// It is a script that ends as the server, so that signals reach that. What shifts is the monotonic clock, by which petcd
// counts leases; each start shifts it anew, as a machine's boot does.
func skewed(t *testing.T, binary string) string {
	t.Helper()
	require.NoError(t, command("unshare", "--time", "--monotonic", "1", "true"))
	script := filepath.Join(t.TempDir(), "etcd")
	text := fmt.Sprintf("#!/bin/sh\nshift_by=$(( (${1#--name=m} * 10 + $$ %% 10) * 86400 ))\nexec unshare --time --monotonic $shift_by %q \"$@\"\n", binary)
	require.NoError(t, os.WriteFile(script, []byte(text), 0o700))
	return script
}

// TestSkewedClocks moves leadership between members whose clocks do not agree. No lease may end early, and none stay.
// PETCD_SKEWED says how many faults (4).
func TestSkewedClocks(t *testing.T) {
	t.Parallel() // it waits more than it works
	if !alone(t, unix.CLONE_NEWNS) {
		return
	}
	binary := skewed(t, server(t))
	traffic := EtcdLow()
	c := Campaign{
		Cluster: membersOf(t, binary, 3, onProcess),
		Seed:    seed(t),
		Traffic: traffic,
		V2:      v2Load(8),
		Faults: slices.DeleteFunc(slices.Concat(Kills(), Separations(), Chores()), func(f Fault) bool {
			return f.Name != "kill leader" && f.Name != "cut off the leader" && f.Name != "pause leader" && f.Name != "move the leader"
		}),
		Watchers: watchers(),
		Epoch:    4,
		Logf:     t.Logf,
	}
	sum, err := c.Run(t.Context(), int(number(t, "PETCD_SKEWED", 4)), 0, budget(t))
	t.Log(sum)
	require.NoError(t, err)
	require.Positive(t, sum.Leases)
	require.Equal(t, []int{0, 10, 20}, days(t, c.Cluster.procs.Members()))
}

// days are by how many tens of days members' clocks are ahead, as the processes have them.
func days(t *testing.T, members []*process.Member) []int {
	t.Helper()
	var all []int
	for _, m := range members {
		offsets, err := os.ReadFile(fmt.Sprintf("/proc/%d/timens_offsets", m.PID()))
		require.NoError(t, err)
		var seconds int
		_, err = fmt.Sscanf(string(offsets), "monotonic %d", &seconds)
		require.NoError(t, err, string(offsets))
		all = append(all, seconds/86400/10*10)
	}
	return all
}
