package nftables

import (
	"context"
	"errors"
	"flag"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/knftables"

	"github.com/petcd/petcd/orchestrator/proxy/model"
	"github.com/petcd/petcd/orchestrator/proxy/model/modeltest"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	web, dns = modeltest.Web, modeltest.DNS
	site     = modeltest.Site()
)

// rig is a backend on a fake kernel, whose generation is in the test's hand.
type rig struct {
	*Backend
	fake       *knftables.Fake
	generation uint32
}

// rules are what the fake kernel holds, in the order of the alphabet: that of elements has no meaning.
func (r *rig) rules() []string { return slices.Sorted(strings.Lines(r.fake.Dump())) }

// refusing is a fake that refuses transactions while told to.
type refusing struct {
	*knftables.Fake
	rig     *rig
	refuses int
}

// Run implements knftables.Interface.
func (r *refusing) Run(ctx context.Context, tx *knftables.Transaction) error {
	if r.refuses > 0 {
		r.refuses--
		return errors.New("refused")
	}
	r.rig.generation++
	return r.Fake.Run(ctx, tx)
}

func newRig(fake *knftables.Fake) (*rig, *refusing) {
	r := &rig{fake: fake, generation: 7}
	nft := &refusing{Fake: fake, rig: r}
	r.Backend = newBackend(v1.IPv4Protocol, nft, &Watch{read: func() (uint32, error) { return r.generation, nil }})
	return r, nft
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	modeltest.Golden(t, *update, name, got)
}

func TestRules(t *testing.T) {
	r, _ := newRig(knftables.NewFake(knftables.IPv4Family, table))
	require.NoError(t, r.Sync(t.Context(), site, modeltest.Everything()))
	golden(t, "everything.nft", r.fake.Dump())
}

func TestOnlyChangesAreWritten(t *testing.T) {
	r, _ := newRig(knftables.NewFake(knftables.IPv4Family, table))
	require.NoError(t, r.Sync(t.Context(), site, modeltest.Everything()))
	full := r.fake.LastTransaction
	require.NoError(t, r.Sync(t.Context(), site, modeltest.Everything()))
	require.Same(t, full, r.fake.LastTransaction, "nothing new, no transaction")

	changed := modeltest.Everything()[web]
	changed[0].Cluster = modeltest.Endpoints("10.244.2.1:8080")
	require.NoError(t, r.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{web: changed}))
	golden(t, "endpoint-gone.nft", r.fake.LastTransaction.String())
	require.NoError(t, r.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{web: nil, dns: nil}))
	golden(t, "services-gone.nft", r.fake.LastTransaction.String())
	gone := r.fake.Dump()

	fresh, _ := newRig(knftables.NewFake(knftables.IPv4Family, table))
	require.NoError(t, fresh.Sync(t.Context(), site, nil))
	require.Equal(t, fresh.fake.Dump(), gone, "nothing is left")
}

// A process that knows nothing comes to the same rules, whatever it finds, and keeps the clients that are known.
func TestTakeover(t *testing.T) {
	r, _ := newRig(knftables.NewFake(knftables.IPv4Family, table))
	require.NoError(t, r.Sync(t.Context(), site, modeltest.Everything()))
	want := r.rules()
	other := types.NamespacedName{Namespace: "default", Name: "stale"}
	require.NoError(t, r.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{other: {{
		Service: other, Protocol: v1.ProtocolTCP, Port: 1, ClusterIP: modeltest.IPs("10.96.9.9")[0], Cluster: modeltest.Endpoints("10.244.9.9:1"), Affinity: time.Second,
	}}}))
	require.NotEqual(t, want, r.rules())
	next, _ := newRig(r.fake)
	require.NoError(t, next.Sync(t.Context(), site, modeltest.Everything()))
	require.Equal(t, want, r.rules())
	require.NotContains(t, r.fake.LastTransaction.String(), "flush set ip kube-proxy affinity-")
	require.NotContains(t, r.fake.LastTransaction.String(), "delete table")
}

func TestRefusedTransactions(t *testing.T) {
	r, kernel := newRig(knftables.NewFake(knftables.IPv4Family, table))
	kernel.refuses = 2
	require.Error(t, r.Sync(t.Context(), site, modeltest.Everything()), "neither over what is there, nor anew")
	require.False(t, r.Known())
	require.NoError(t, r.Sync(t.Context(), site, nil), "what failed is remembered")
	require.True(t, r.Known())
	want := r.rules()

	kernel.refuses = 2
	require.NoError(t, r.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{web: nil}))
	require.Contains(t, r.fake.LastTransaction.String(), "delete table", "the last resort")
	require.NoError(t, r.Sync(t.Context(), site, modeltest.Everything()))
	require.Equal(t, want, r.rules())
}

func TestOthersChangesAreNoticed(t *testing.T) {
	r, _ := newRig(knftables.NewFake(knftables.IPv4Family, table))
	require.NoError(t, r.Sync(t.Context(), site, modeltest.Everything()))
	require.NoError(t, r.Check(t.Context()))
	require.True(t, r.Known())
	r.generation++
	require.NoError(t, r.Check(t.Context()))
	require.False(t, r.Known())
	require.NoError(t, r.Sync(t.Context(), site, nil))
	require.NoError(t, r.Check(t.Context()))
	require.True(t, r.Known())

	r.generation++ // and then we change something: it must not hide theirs
	require.NoError(t, r.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{web: nil}))
	require.NoError(t, r.Check(t.Context()))
	require.False(t, r.Known())
}

func TestSites(t *testing.T) {
	for name, c := range map[string]struct {
		site model.Site
		has  []string
		not  []string
	}{
		"all":       {model.Site{MasqueradeAll: true}, []string{"ip daddr @cluster-ips jump mark-for-masquerade", "ct state invalid drop"}, nil},
		"unknown":   {model.Site{TCPBeLiberal: true}, nil, []string{"ip daddr @cluster-ips jump mark", "ct state invalid"}},
		"bridge":    {model.Site{Pods: model.Pods{Bridge: "cni0"}}, []string{`iifname != "cni0" jump mark-for-masquerade`, `iifname "cni0" goto service-`}, nil},
		"prefix":    {model.Site{Pods: model.Pods{InterfacePrefix: "veth"}}, []string{`iifname != "veth*" jump`}, nil},
		"addresses": {model.Site{NodePort: []netip.Prefix{netip.MustParsePrefix("192.168.0.1/32"), netip.MustParsePrefix("10.1.0.0/16")}}, []string{"ip daddr { 192.168.0.1, 10.1.0.0/16 } meta l4proto"}, nil},
		"nowhere":   {model.Site{NodePort: []netip.Prefix{}}, []string{"ip daddr 127.0.0.0/8 fib daddr type local ip daddr != 127.0.0.0/8"}, nil},
	} {
		r, _ := newRig(knftables.NewFake(knftables.IPv4Family, table))
		require.NoError(t, r.Sync(t.Context(), c.site, modeltest.Everything()), name)
		for _, text := range c.has {
			require.Contains(t, r.fake.Dump(), text, name)
		}
		for _, text := range c.not {
			require.NotContains(t, r.fake.Dump(), text, name)
		}
	}
}

func TestNames(t *testing.T) {
	require.Regexp(t, `^service-[A-Z2-7]{8}-a/b/tcp/$`, name("service", "a/b/tcp/"))
	require.Regexp(t, `^endpoint-[A-Z2-7]{8}-_x___\.$`, name("endpoint", `"x}; :`))
	require.NotEqual(t, name("service", "a b"), name("service", "a_b"))
	require.Len(t, name("service", string(make([]byte, 1000))), 240)
}
