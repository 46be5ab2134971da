package simulation

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/robustness"
)

// TestPlantedFaultsAreFound plants faults that a store like this could have, and runs seeds until one of them shows. Without the fault
// the same seed passes.
func TestPlantedFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		hooks Hooks
		seeds uint64
		kinds []FaultKind // of which the plan consists
		is    error
	}{
		"an answer before the sync":          {Hooks{SyncsLie: true}, 30, []FaultKind{PowerCut, Crash}, ErrViolated},
		"a read that asks nobody":            {Hooks{LocalReads: true}, 30, []FaultKind{CutOff, OneWay}, robustness.ErrLinearizability},
		"a read of API 2 that asks nobody":   {Hooks{LocalTreeReads: true}, 60, []FaultKind{CutOff, OneWay}, robustness.ErrLinearizability},
		"a proposal that is repeated":        {Hooks{ProposalsTwice: true}, 30, []FaultKind{LossyNetwork}, robustness.ErrHistory},
		"a watch with a gap":                 {Hooks{LoseEvents: true}, 30, nil, robustness.ErrWatch},
		"a watch of API 2 with a gap":        {Hooks{LoseTreeEvents: true}, 30, nil, ErrViolated},
		"a lease ended by who does not lead": {Hooks{AllLead: true}, 30, nil, ErrViolated},
		"an index apart from its change":     {Hooks{IndexApart: true}, 30, []FaultKind{Crash}, ErrViolated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range c.seeds {
				p := NewPlan(1000 + seed)
				for i := range p.Faults {
					if len(c.kinds) > 0 {
						p.Faults[i].Kind = c.kinds[i%len(c.kinds)]
					}
				}
				o := simulate(t, p, c.hooks)
				if err := o.Err(); errors.Is(err, c.is) {
					t.Logf("seed %d: %.300v", p.Seed, err)
					sound := simulate(t, p, Hooks{})
					require.NoError(t, sound.Err())
					return
				}
			}
			require.Fail(t, "not found", "%d seeds", c.seeds)
		})
	}
}
