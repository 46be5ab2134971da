package simulation

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// workers is how many seeds run at a time.
const workers = 2

// TestCampaign runs PETCD_SIM_SEEDS seeds from PETCD_SEED on, for at most PETCD_BUDGET, and shrinks the first ones that fail.
func TestCampaign(t *testing.T) {
	count, first := number(t, "PETCD_SIM_SEEDS", 20), number(t, "PETCD_SEED", 1)
	c := campaign{first: first, count: count, began: time.Now(), budget: budget(t)}
	t.Run("seeds", func(t *testing.T) {
		for i := range workers {
			t.Run(fmt.Sprint("worker ", i), func(t *testing.T) {
				t.Parallel()
				c.work(t)
			})
		}
	})
	t.Log(c.report())
	require.Empty(t, c.failed, "PETCD_SEED=… go test ./server/simulation -run 'TestSeed$' -v runs one of them again")
}

// budget is how long a campaign may take.
func budget(t *testing.T) time.Duration {
	text := os.Getenv("PETCD_BUDGET")
	if text == "" {
		return time.Hour
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "PETCD_BUDGET")
	return d
}

// campaign is many runs.
type campaign struct {
	first, count uint64
	began        time.Time
	budget       time.Duration
	next         atomic.Uint64

	mu     sync.Mutex
	runs   int
	stats  Stats
	failed []uint64 // seeds
}

// work runs seeds until there are no more.
func (c *campaign) work(t *testing.T) {
	for {
		n := c.next.Add(1) - 1
		if n >= c.count || time.Since(c.began) > c.budget {
			return
		}
		p := NewPlan(c.first + n)
		o := simulate(t, p, Hooks{})
		c.ran(t, p, o)
	}
}

// ran adds up the outcome of a run.
func (c *campaign) ran(t *testing.T, p Plan, o Outcome) {
	failure := o.Err()
	c.mu.Lock()
	c.runs++
	c.stats.Add(o.Stats)
	if failure != nil {
		c.failed = append(c.failed, p.Seed)
	}
	runs, failures := c.runs, len(c.failed)
	c.mu.Unlock()
	if runs%1000 == 0 {
		t.Log(c.report())
	}
	if failure == nil {
		return
	}
	t.Logf("seed %d: %v", p.Seed, failure)
	if failures > shrunkMax {
		return
	}
	small, err := Shrink(p, func(p Plan) error {
		o := simulate(t, p, Hooks{})
		return o.Err()
	}, shrinkRunsMax)
	t.Logf("seed %d, shrunk: %v\n%v", p.Seed, err, small)
}

// shrunkMax is how many failures are shrunk, and shrinkRunsMax how many runs are spent on each.
const (
	shrunkMax     = 3
	shrinkRunsMax = 60
)

func (c *campaign) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := time.Since(c.began)
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds in %v (%.0f a minute), %.1f hours simulated, %d failures\n", c.runs, took.Round(time.Second),
		float64(c.runs)/took.Minutes(), c.stats.Time.Hours(), len(c.failed))
	b.WriteString(c.stats.String())
	return b.String()
}
