package simulation

import (
	"crypto/rand"
	"io"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// still draws no election timeouts: the raft library takes them, a byte each, from crypto/rand. Here they are all alike, and the simulated
// clocks, which run at different paces, bring the chance back. What else is drawn must differ, and does not show: by it a read tells
// answers to its member's earlier runs from those to this one.
type still struct{ io.Reader }

func (s still) Read(p []byte) (int, error) {
	if len(p) > 1 {
		return s.Reader.Read(p)
	}
	clear(p)
	return len(p), nil
}

func TestMain(m *testing.M) {
	rand.Reader = still{rand.Reader}
	os.Exit(m.Run())
}

// simulate runs a plan in a bubble.
func simulate(t *testing.T, p Plan, h Hooks) (o Outcome) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { o = Run(p, h) })
	return o
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// TestSeed runs the one seed that PETCD_SEED names.
func TestSeed(t *testing.T) {
	p := NewPlan(number(t, "PETCD_SEED", 1))
	began := time.Now()
	o := simulate(t, p, Hooks{})
	t.Logf("%v: %+v", time.Since(began), o.Stats)
	require.NoError(t, o.Err())
}

// TestOneSeedGivesOneHistory runs plans twice.
func TestOneSeedGivesOneHistory(t *testing.T) {
	for seed := range number(t, "PETCD_SIM_SEEDS", 6) {
		p := NewPlan(number(t, "PETCD_SEED", 1) + seed)
		first, second := simulate(t, p, Hooks{}), simulate(t, p, Hooks{})
		require.Equal(t, first.Stats, second.Stats, "seed %d", p.Seed)
		require.Equal(t, first.Trace, second.Trace, "seed %d", p.Seed)
	}
}
