package network

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressesOfARange(t *testing.T) {
	for text, want := range map[string]struct{ gateway, first, last string }{
		"10.1.2.0/24":   {"10.1.2.1", "10.1.2.2", "10.1.2.254"},
		"10.1.2.128/29": {"10.1.2.129", "10.1.2.130", "10.1.2.134"},
		"10.1.2.0/30":   {"10.1.2.1", "10.1.2.2", "10.1.2.2"},
		"fd00::/125":    {"fd00::1", "fd00::2", "fd00::7"},
	} {
		ranges, err := parse(text)
		require.NoError(t, err)
		require.Equal(t, want.gateway, gateway(ranges[0]).String())
		l := leases{t.TempDir()}
		first, err := l.take(ranges[0], "a")
		require.NoError(t, err)
		require.Equal(t, want.first, first.String())
		last := first
		for {
			a, err := l.take(ranges[0], "b")
			if err != nil {
				require.ErrorIs(t, err, ErrFull)
				break
			}
			last = a
		}
		require.Equal(t, want.last, last.String())
	}
}

func TestRangesThatAreNone(t *testing.T) {
	for _, text := range []string{"", "x", "10.0.0.0/31", "10.0.0.0/24,10.0.1.0/24", "10.0.0.0", "10.0.0.0/24,"} {
		_, err := parse(text)
		require.Error(t, err, text)
	}
	both, err := parse("10.0.0.0/24, fd00::/64")
	require.NoError(t, err)
	require.Len(t, both, 2)
}

// Leases against a model: a map of who has what.
func TestLeasesAgainstAModel(t *testing.T) {
	r := netip.MustParsePrefix("10.0.0.0/28")
	l := leases{t.TempDir()}
	random := rand.New(rand.NewPCG(1, 2))
	has := map[netip.Addr]string{}
	for range 2000 {
		pod := string(rune('a' + random.IntN(20)))
		if random.IntN(3) > 0 {
			a, err := l.take(r, pod)
			if len(has) == 13 {
				require.ErrorIs(t, err, ErrFull)
				continue
			}
			require.NoError(t, err)
			require.NotContains(t, has, a)
			has[a] = pod
			continue
		}
		require.NoError(t, l.release(func(p string) bool { return p == pod }))
		for a, p := range has {
			if p == pod {
				delete(has, a)
			}
		}
	}
}

func TestWhatADeadDaemonWasAboutToGiveIsFree(t *testing.T) {
	l := leases{t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(l.dir, "10.0.0.2"), nil, 0o600)) // it died before it wrote whose it is
	n := &Network{leases: l}
	require.NoError(t, n.Keep(func(pod string) bool { return pod == "kept" }))
	a, err := l.take(netip.MustParsePrefix("10.0.0.0/24"), "new")
	require.NoError(t, err)
	require.Equal(t, "10.0.0.2", a.String())
}
