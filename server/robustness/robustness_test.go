package robustness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// seed is $PETCD_SEED, or drawn; it is printed either way (I3).
func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(number(t, "PETCD_SEED", 0))
	if s == 0 {
		s = rand.Uint64() >> 1
	}
	t.Logf("seed: PETCD_SEED=%d", s)
	return s
}

// number reads a variable that says how much to do.
func number(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// budget is the longest a campaign may go on: $PETCD_BUDGET, or for ever. A campaign that reaches it has
// done less than asked, without having failed.
func budget(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("PETCD_BUDGET")
	if text == "" {
		return math.MaxInt64
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "PETCD_BUDGET")
	return d
}

// built finds or builds the servers once per test binary.
var built = struct {
	sync.Mutex
	paths map[string]string
	dir   string
}{paths: make(map[string]string)}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "robustness-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// target is what is tested: $PETCD_TARGET (petcd, the default, or a real etcd's version).
func target() string {
	if name := os.Getenv("PETCD_TARGET"); name != "" {
		return name
	}
	return process.Petcd
}

// server is the binary of the target.
func server(t *testing.T) string {
	t.Helper()
	target := target()
	built.Lock()
	defer built.Unlock()
	if path := built.paths[target]; path != "" {
		return path
	}
	b, err := process.Locate(t.Context(), target, built.dir)
	if target != process.Petcd && errors.Is(err, process.ErrNoBinary) {
		t.Skip(err)
	}
	require.NoError(t, err)
	built.paths[target] = b.Etcd
	return b.Etcd
}

// threeMembers starts the cluster most tests use. On a failure its logs stay.
func threeMembers(t *testing.T) *Cluster {
	t.Helper()
	return members(t, 3)
}

// members starts a cluster of so many.
func members(t *testing.T, count int) *Cluster {
	t.Helper()
	return membersOn(t, count, onProcess)
}

// onProcess is the machine of a process that has nothing else of its own.
func onProcess(m *process.Member) (machine, error) { return m, nil }

// membersOn is members on machines of the test's choice.
func membersOn(t *testing.T, count int, machineOf func(*process.Member) (machine, error), more ...string) *Cluster {
	t.Helper()
	return membersOf(t, server(t), count, machineOf, more...)
}

// membersOf is membersOn with a server of the test's choice.
func membersOf(t *testing.T, binary string, count int, machineOf func(*process.Member) (machine, error), more ...string) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "robustness-data-")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var flags []string
	if target() != process.Etcd34 {
		flags = Frequent()
	}
	if target() != process.Etcd373 {
		flags = append(flags, "--enable-v2")
	}
	c, err := startOn(ctx, machineOf, binary, dir, count, append(flags, more...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		if t.Failed() {
			t.Logf("data and logs are in %s", dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return c
}

// watchers is how many watches of API 3 run: on 3.4.23 none, as it fails the check of bookmarks, and what else is wrong would
// not be seen.
func watchers() int {
	if target() == process.Etcd34 {
		return 0
	}
	return 4
}

// v2Load is what API 2's clients do in a campaign, where the target has the API.
func v2Load(keys int) V2 {
	if target() == process.Etcd373 {
		return V2{}
	}
	return V2{
		Traffic:      Traffic{Clients: 3, Keys: keys, Pause: 30 * time.Millisecond, Gets: 4, Puts: 3, Deletes: 1, Swaps: 3},
		Watchers:     3,
		OthersChange: target() == process.Etcd34,
	}
}

// lanes are campaigns side by side, $PETCD_LANES many (1), every third of them on five members, with one kind of traffic
// each.
func lanes(t *testing.T, machineOf func(*process.Member) (machine, error), c Campaign) []*Campaign {
	t.Helper()
	if c.Seed == 0 {
		c.Seed = seed(t)
	}
	c.Watchers = watchers()
	profiles := []Traffic{EtcdHigh(), Kubernetes(), EtcdLow()}
	var all []*Campaign
	for i := range int(number(t, "PETCD_LANES", 1)) {
		lane := c
		lane.Seed += uint64(i)
		lane.Traffic = profiles[i%len(profiles)]
		lane.Cluster = membersOn(t, 3+2*(i%3/2), machineOf)
		lane.Logf = func(format string, args ...any) { t.Logf("lane %d: "+format, append([]any{i}, args...)...) }
		all = append(all, &lane)
	}
	return all
}

// TestKillCampaign kills members at random under load. PETCD_KILLS says how many (16).
func TestKillCampaign(t *testing.T) {
	kills := number(t, "PETCD_KILLS", 16)
	if testing.Short() {
		kills = 10
	}
	all := lanes(t, onProcess, Campaign{V2: v2Load(12), Faults: slices.Concat(Kills(), Chores()), Epoch: 16})
	sum, err := RunTogether(t.Context(), all, 0, int(kills), budget(t))
	t.Log(sum)
	require.NoError(t, err)
	require.Positive(t, sum.Kills)
	require.Positive(t, sum.Leases)
	require.Equal(t, all[0].V2.Traffic.Clients > 0, sum.V2.Events > 0)
}

// TestLinearizability kills, pauses and partitions members under a load made for finding stale reads.
// PETCD_FAULTS says how many faults (18).
func TestLinearizability(t *testing.T) {
	faults := number(t, "PETCD_FAULTS", 18)
	if testing.Short() {
		faults = 6
	}
	c := Campaign{
		Cluster:  threeMembers(t),
		Seed:     seed(t),
		Traffic:  Traffic{Clients: 10, Keys: 8, Pause: 5 * time.Millisecond, Gets: 8, Puts: 4, Deletes: 1, Swaps: 4, Multis: 1},
		Watchers: watchers(),
		V2:       v2Load(6),
		Faults:   slices.Concat(Separations(), OneWay(), Kills()),
		Epoch:    6,
		Logf:     t.Logf,
	}
	sum, err := c.Run(t.Context(), int(faults), 0, budget(t))
	require.NoError(t, err)
	t.Logf("%+v", sum)
	require.Positive(t, sum.Events)
	require.Equal(t, c.V2.Traffic.Clients > 0, sum.V2.Events > 0)
	require.Equal(t, c.Watchers > 0, sum.Sessions > 0)
}

// TestMembersLeftBehind restarts members only once the others' logs lack what they missed, so that they
// come back by a snapshot, under load and with watchers on them.
func TestMembersLeftBehind(t *testing.T) {
	cluster := threeMembers(t)
	var behindOnly []Fault
	for _, f := range Kills() {
		if f.Name == "leave one behind" {
			behindOnly = append(behindOnly, f)
		}
	}
	c := Campaign{
		Cluster:  cluster,
		Seed:     seed(t),
		Traffic:  Traffic{Clients: 12, Keys: 24, Gets: 1, Puts: 6, Deletes: 1, Swaps: 1, Multis: 1},
		Watchers: watchers(),
		V2:       v2Load(12),
		Faults:   behindOnly,
		Epoch:    2,
		Logf:     t.Logf,
	}
	for range 6 {
		sum, err := c.Run(t.Context(), 2, 0, budget(t))
		require.NoError(t, err)
		require.Positive(t, sum.Events)
		if received(t, cluster) > 0 {
			return
		}
	}
	if target() == process.Petcd {
		require.Fail(t, "no member came back by a snapshot")
	}
	t.Skip("no member came back by a snapshot: this server keeps more of its log than it is told")
}

// received sums the snapshots the members received in their present lives.
func received(t *testing.T, c *Cluster) int {
	t.Helper()
	sum := 0
	for _, m := range c.procs.Members() {
		status, body, err := m.Get(t.Context(), "/metrics")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		for line := range strings.Lines(body) {
			if value, ok := strings.CutPrefix(line, "etcd_network_snapshot_receive_success{"); ok {
				n, err := strconv.ParseFloat(strings.TrimSpace(value[strings.Index(value, "}")+1:]), 64)
				require.NoError(t, err)
				sum += int(n)
			}
		}
	}
	return sum
}
