package allocator

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/petcd/petcd/orchestrator/apiserver/allocator/allocatortest"
)

func ips(t *testing.T, cidr string, store Store) *IPs {
	t.Helper()
	a, err := NewIPs(netip.MustParsePrefix(cidr), store)
	require.NoError(t, err)
	return a
}

func ports(t *testing.T, size int, store Store) *Ports {
	t.Helper()
	p, err := NewPorts(utilnet.PortRange{Base: 30000, Size: size}, store)
	require.NoError(t, err)
	return p
}

func TestIPs(t *testing.T) {
	ctx := context.Background()
	a := ips(t, "10.0.0.0/24", &allocatortest.Memory{})
	addr := netip.MustParseAddr
	require.NoError(t, a.Allocate(ctx, addr("10.0.0.1")))
	require.EqualError(t, a.Allocate(ctx, addr("10.0.0.1")), "provided IP is already allocated")
	require.NoError(t, a.Allocate(ctx, addr("10.0.0.254")))
	for _, outside := range []string{"10.0.0.0", "10.0.0.255", "10.0.1.1", "::1"} {
		require.EqualError(t, a.Allocate(ctx, addr(outside)),
			"the provided IP ("+outside+") is not in the valid range. The range of valid IPs is 10.0.0.0/24")
		require.NoError(t, a.Release(ctx, addr(outside)))
	}
	require.NoError(t, a.Release(ctx, addr("10.0.0.1")))
	require.NoError(t, a.Release(ctx, addr("10.0.0.1")), "once more does no harm")
	require.NoError(t, a.Allocate(ctx, addr("::ffff:10.0.0.1")), "the same address in other words")
	free, err := a.Free(ctx)
	require.NoError(t, err)
	require.Equal(t, 252, free)
}

func TestRanges(t *testing.T) {
	for cidr, want := range map[string]struct{ size, low int }{
		"10.96.0.0/12":   {1<<20 - 2, 256},
		"10.0.0.0/16":    {65534, 256},
		"10.0.0.0/24":    {254, 16},
		"10.0.0.0/28":    {14, 0},
		"10.0.0.0/30":    {2, 0},
		"fd00::/112":     {65535, 256},
		"fd00::/64":      {65535, 256},
		"2001:db8::/127": {1, 0},
	} {
		a := ips(t, cidr, &allocatortest.Memory{})
		require.Equal(t, want, struct{ size, low int }{a.table.size, a.table.low}, cidr)
		for _, offset := range []int{0, a.table.size - 1} { // there and back
			got, ok := a.offset(a.at(offset))
			require.True(t, ok)
			require.Equal(t, offset, got, cidr)
		}
	}
	for _, cidr := range []string{"10.0.0.0/8", "10.0.0.0/31", "10.0.0.0/32", "fd00::/128"} {
		_, err := NewIPs(netip.MustParsePrefix(cidr), &allocatortest.Memory{})
		require.Error(t, err, cidr)
	}
	_, err := NewIPs(netip.Prefix{}, &allocatortest.Memory{})
	require.Error(t, err)
	_, err = NewPorts(utilnet.PortRange{}, &allocatortest.Memory{})
	require.Error(t, err)
	require.Equal(t, 86, ports(t, 2768, &allocatortest.Memory{}).table.low)
}

// Who doesn't choose gets of the upper part until it is used up.
func TestLowerPartComesLast(t *testing.T) {
	ctx := context.Background()
	p := ports(t, 100, &allocatortest.Memory{})
	for i := range 100 {
		port, err := p.AllocateNext(ctx)
		require.NoError(t, err)
		require.Equal(t, i < 100-16, port >= 30016, "port %d was number %d", port, i)
	}
	_, err := p.AllocateNext(ctx)
	require.ErrorIs(t, err, ErrFull)
	require.EqualError(t, p.Allocate(ctx, 30000), "provided port is already allocated")
	require.True(t, Refused(p.Allocate(ctx, 80)))
	require.EqualError(t, p.Allocate(ctx, 80), "provided port is not in the valid range. The range of valid ports is 30000-30099")
}

func TestDryRun(t *testing.T) {
	ctx := context.Background()
	p := ports(t, 2, &allocatortest.Memory{})
	require.NoError(t, p.Allocate(ctx, 30000))
	trial := p.DryRun()
	require.ErrorIs(t, trial.Allocate(ctx, 30000), ErrPortTaken)
	port, err := trial.AllocateNext(ctx)
	require.NoError(t, err)
	require.Equal(t, 30001, port)
	_, err = trial.AllocateNext(ctx)
	require.ErrorIs(t, err, ErrFull, "it sees what it would have taken")
	taken, err := p.Has(ctx, 30001)
	require.NoError(t, err)
	require.False(t, taken)
}

func TestAnotherRangeIsNotTouched(t *testing.T) {
	ctx, store := context.Background(), &allocatortest.Memory{}
	require.NoError(t, ips(t, "10.0.0.0/24", store).Allocate(ctx, netip.MustParseAddr("10.0.0.1")))
	moved := ips(t, "10.1.0.0/24", store)
	_, err := moved.AllocateNext(ctx)
	require.ErrorContains(t, err, "the stored range 10.0.0.0/24 does not match the current range 10.1.0.0/24")

	// Repair moves it, with what there is in the new one.
	require.NoError(t, moved.Repair(ctx, func(context.Context) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.1.0.7")}, nil
	}))
	require.ErrorIs(t, moved.Allocate(ctx, netip.MustParseAddr("10.1.0.7")), ErrIPTaken)
	free, err := moved.Free(ctx)
	require.NoError(t, err)
	require.Equal(t, 253, free)
}

func TestRepair(t *testing.T) {
	ctx := context.Background()
	p := ports(t, 10, &allocatortest.Memory{})
	has := func(port int) bool {
		taken, err := p.Has(ctx, port)
		require.NoError(t, err)
		return taken
	}
	used := func(ports ...int) func(context.Context) ([]int, error) {
		return func(context.Context) ([]int, error) { return ports, nil }
	}
	require.NoError(t, p.Allocate(ctx, 30001)) // by a request whose Service isn't stored yet
	require.NoError(t, p.Repair(ctx, used(30005, 80)))
	require.True(t, has(30005), "a Service has it: it was lost")
	require.True(t, has(30001), "somebody may be about to")
	require.NoError(t, p.Repair(ctx, used(30005, 30001)))
	require.NoError(t, p.Repair(ctx, used(30005)))
	require.NoError(t, p.Repair(ctx, used(30005)))
	require.True(t, has(30001), "it had a Service since: it is counted from the start")
	require.NoError(t, p.Repair(ctx, used(30005)))
	require.False(t, has(30001), "nobody has stored it for long")

	failed := errors.New("no list")
	require.ErrorIs(t, p.Repair(ctx, func(context.Context) ([]int, error) { return nil, failed }), failed)
	require.True(t, has(30005))
}

// A request that takes something while a repair lists the Services makes the repair look again.
func TestRepairLosesNothing(t *testing.T) {
	ctx := context.Background()
	p := ports(t, 10, &allocatortest.Memory{})
	lists := 0
	require.NoError(t, p.Repair(ctx, func(ctx context.Context) ([]int, error) {
		lists++
		if lists == 1 {
			require.NoError(t, p.Allocate(ctx, 30003))
		}
		return nil, nil
	}))
	require.Equal(t, 2, lists)
	taken, err := p.Has(ctx, 30003)
	require.NoError(t, err)
	require.True(t, taken)
	require.ErrorIs(t, p.Repair(ctx, func(ctx context.Context) ([]int, error) {
		_, err := p.AllocateNext(ctx)
		return nil, err
	}), errChanged, "and gives up in the end")
}

// naive is the twin: a set under a lock, which knows what somebody has.
type naive struct {
	requests sync.RWMutex // held by requests, so that a list shows all that was taken before it
	mu       sync.Mutex
	owned    sets.Set[int]
}

func (n *naive) gave(t *testing.T, port int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.owned.Has(port) {
		t.Errorf("%d was given twice", port)
	}
	n.owned.Insert(port)
}

func (n *naive) forget(port int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owned.Delete(port)
}

func (n *naive) list(context.Context) ([]int, error) {
	n.requests.Lock()
	defer n.requests.Unlock()
	return sets.List(n.owned), nil
}

// Several apiservers over one store give nothing twice, while one of them repairs; in the end the store has what the twin has.
func TestConcurrentAllocators(t *testing.T) {
	const apiservers, steps, size = 4, 200, 64
	ctx, store, twin := context.Background(), &allocatortest.Memory{}, &naive{owned: sets.New[int]()}
	var running sync.WaitGroup
	for i := range apiservers {
		p, seed := ports(t, size, store), rand.New(rand.NewPCG(uint64(i), 7))
		running.Go(func() {
			var mine []int
			for range steps {
				if i == 0 && seed.IntN(10) == 0 {
					if err := p.Repair(ctx, twin.list); err != nil && !errors.Is(err, errChanged) {
						t.Error(err)
					}
				}
				mine = oneRequest(ctx, t, p, twin, seed, mine)
			}
		})
	}
	running.Wait()
	require.Positive(t, store.Conflicts, "nobody was in anybody's way: the test shows nothing")

	p := ports(t, size, store)
	for range leakRounds { // what a repair kept though it was given back meanwhile
		require.NoError(t, p.Repair(ctx, twin.list))
	}
	for port := 30000; port < 30000+size; port++ {
		taken, err := p.Has(ctx, port)
		require.NoError(t, err)
		require.Equal(t, twin.owned.Has(port), taken, "port %d", port)
	}
}

// oneRequest gives back one of mine or takes another.
func oneRequest(ctx context.Context, t *testing.T, p *Ports, twin *naive, seed *rand.Rand, mine []int) []int {
	twin.requests.RLock()
	defer twin.requests.RUnlock()
	port, err := 0, error(nil)
	switch n := seed.IntN(3); {
	case n == 0 && len(mine) > 0:
		port = mine[len(mine)-1]
		twin.forget(port) // before it may be another's
		if err := p.Release(ctx, port); err != nil {
			t.Error(err)
		}
		return mine[:len(mine)-1]
	case n == 1:
		port = 30000 + seed.IntN(p.ports.Size)
		err = p.Allocate(ctx, port)
	default:
		port, err = p.AllocateNext(ctx)
	}
	switch {
	case err == nil:
		twin.gave(t, port)
		return append(mine, port)
	case !errors.Is(err, ErrPortTaken) && !errors.Is(err, ErrFull):
		t.Error(err)
	}
	return mine
}
