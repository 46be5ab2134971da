package robustness

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReplacedMembers loses members with their data under load, again and again, while others are killed and cut off.
// PETCD_REPLACED says how many faults (2).
func TestReplacedMembers(t *testing.T) {
	t.Parallel() // it waits more than it works
	faults := slices.Concat(Replacement(), Replacement(), Kills()[:1], Separations()[:1])
	for i := range faults {
		faults[i].Weight = 1
	}
	c := Campaign{
		Cluster: threeMembers(t), Seed: seed(t), Traffic: Kubernetes(), Watchers: watchers(), V2: v2Load(8),
		Faults: faults, Epoch: 2, Logf: t.Logf,
	}
	sum, err := c.Run(t.Context(), int(number(t, "PETCD_REPLACED", 2)), 0, budget(t))
	t.Log(sum)
	require.NoError(t, err)
	require.Positive(t, sum.Lists)
}
