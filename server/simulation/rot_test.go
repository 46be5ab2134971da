package simulation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRotIsRepaired runs plans in which bits turn over, beside what makes members begin again and keeps them from each other. Both
// parts of a member, its log and its state, must have been made anew by then.
func TestRotIsRepaired(t *testing.T) {
	kinds := []FaultKind{Rot, Restart, CutOff, Rot, Crash, Pause}
	var stats Stats
	for n := range max(12, number(t, "PETCD_SIM_SEEDS", 12)) {
		p := NewPlan(number(t, "PETCD_SEED", 1) + n)
		for i := range p.Faults {
			p.Faults[i].Kind = kinds[i%len(kinds)]
		}
		o := simulate(t, p, Hooks{})
		require.NoError(t, o.Err(), "seed %d", p.Seed)
		stats.Add(o.Stats)
		if n < 3 { // who begins beside the others does so in one way, too
			again := simulate(t, p, Hooks{})
			require.Equal(t, o.Trace, again.Trace, "seed %d", p.Seed)
		}
	}
	t.Log(stats.String())
	require.Positive(t, stats.Rejoined)
	require.Greater(t, stats.Repaired, stats.Rejoined)
}
