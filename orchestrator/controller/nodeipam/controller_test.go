package nodeipam

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/testing"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newNode(name string, ranges ...string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}, Spec: v1.NodeSpec{PodCIDRs: ranges}}
	if len(ranges) > 0 {
		n.Spec.PodCIDR = ranges[0]
	}
	return n
}

// world is a controller whose sync the test calls.
type world struct {
	*controllertest.Cluster
	*allocator
	t *testing.T
}

func newWorld(t *testing.T, o Options, objects ...runtime.Object) *world {
	t.Helper()
	c := controllertest.New(t, objects...)
	o.Allocate = true
	pools, err := o.Pools()
	require.NoError(t, err)
	a := newAllocator(c.Env, pools)
	a.loop = controller.NewLoop("test", 1, a.sync)
	c.Refresh()
	return &world{Cluster: c, allocator: a, t: t}
}

func (w *world) ranges(name string) []string {
	w.t.Helper()
	n, err := w.Fake.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	if len(n.Spec.PodCIDRs) > 0 {
		require.Equal(w.t, n.Spec.PodCIDRs[0], n.Spec.PodCIDR)
	}
	return n.Spec.PodCIDRs
}

func TestEachNodeGetsItsOwn(t *testing.T) {
	w := newWorld(t, Options{ClusterRanges: "10.244.0.0/16,fd00:10:244::/56", MaskSizeIPv6: 64},
		newNode("a"), newNode("b"), newNode("c", "10.244.1.0/24", "fd00:10:244::/64"))
	// Before the cache shows what the first got, the second must not get it, too.
	require.NoError(t, w.sync(t.Context(), "a"))
	require.NoError(t, w.sync(t.Context(), "b"))
	require.NoError(t, w.sync(t.Context(), "c"))
	require.Equal(t, []string{"10.244.0.0/24", "fd00:10:244:1::/64"}, w.ranges("a"))
	require.Equal(t, []string{"10.244.2.0/24", "fd00:10:244:2::/64"}, w.ranges("b"))
	require.Equal(t, []string{"patch nodes a", "patch nodes b"}, w.Writes())
	w.Refresh()
	require.NoError(t, w.sync(t.Context(), "a"))
	require.NoError(t, w.sync(t.Context(), "b"))
	require.Empty(t, w.Writes(), "they have theirs")
	require.Empty(t, w.given)
}

func TestARestartKeepsWhatNodesHave(t *testing.T) {
	var nodes []runtime.Object
	for i := range 9 {
		nodes = append(nodes, newNode(fmt.Sprint("n", i), fmt.Sprintf("10.0.%d.0/24", i)))
	}
	w := newWorld(t, Options{ClusterRanges: "10.0.0.0/16"}, append(nodes, newNode("new"))...)
	require.NoError(t, w.sync(t.Context(), "new"))
	require.Equal(t, []string{"10.0.9.0/24"}, w.ranges("new"))
}

func TestExhausted(t *testing.T) {
	w := newWorld(t, Options{ClusterRanges: "10.0.0.0/23"}, newNode("a", "10.0.0.0/24"), newNode("b", "10.0.1.0/24"), newNode("c"))
	require.ErrorIs(t, w.sync(t.Context(), "c"), errNotAvailable)
	require.Equal(t, []string{"Normal CIDRNotAvailable Node c status is now: CIDRNotAvailable"}, w.Events())
	require.Empty(t, w.Writes())
	require.NoError(t, w.Fake.CoreV1().Nodes().Delete(t.Context(), "a", metav1.DeleteOptions{}))
	require.NoError(t, w.Informers.Core().V1().Nodes().Informer().GetIndexer().Delete(newNode("a")))
	require.NoError(t, w.sync(t.Context(), "a"))
	require.Equal(t, 1, w.loop.Len(), "c is tried again")
	require.NoError(t, w.sync(t.Context(), "c"))
	require.Equal(t, []string{"10.0.0.0/24"}, w.ranges("c"))
}

// What was promised in a patch that failed is promised to nobody else, for it may have come about.
func TestAFailedPatch(t *testing.T) {
	w := newWorld(t, Options{ClusterRanges: "10.0.0.0/16"}, newNode("a"), newNode("b"))
	fail := true
	w.Fake.PrependReactor("patch", "nodes", func(core.Action) (bool, runtime.Object, error) {
		return fail, nil, errors.New("no answer")
	})
	require.ErrorContains(t, w.sync(t.Context(), "a"), "no answer")
	fail = false
	require.NoError(t, w.sync(t.Context(), "b"))
	require.NoError(t, w.sync(t.Context(), "a"))
	require.Equal(t, []string{"10.0.0.0/24"}, w.ranges("a"))
	require.Equal(t, []string{"10.0.1.0/24"}, w.ranges("b"))
}

func TestRun(t *testing.T) {
	c := controllertest.New(t, newNode("a"))
	c.Versions()
	o := Options{Allocate: true, ClusterRanges: "10.0.0.0/24", MaskSize: 25}
	pools, err := o.Pools()
	require.NoError(t, err)
	c.Start(New(c.Env, pools))
	has := func(name, want string) func() bool {
		return func() bool {
			n, err := c.Fake.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
			return err == nil && n.Spec.PodCIDR == want
		}
	}
	c.Eventually(has("a", "10.0.0.0/25"), "there from the start")
	for _, name := range []string{"b", "c"} {
		_, err := c.Fake.CoreV1().Nodes().Create(t.Context(), newNode(name), metav1.CreateOptions{})
		require.NoError(t, err)
		if name == "b" {
			c.Eventually(has("b", "10.0.0.128/25"), "came later")
		}
	}
	require.NoError(t, c.Fake.CoreV1().Nodes().Delete(t.Context(), "a", metav1.DeleteOptions{}))
	c.Eventually(has("c", "10.0.0.0/25"), "has what went free")
}

func TestOptions(t *testing.T) {
	unused := Options{ClusterRanges: "nonsense"}
	none, err := unused.Pools()
	require.NoError(t, err, "it is read with --allocate-node-cidrs only")
	require.Empty(t, none)
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"v4":                      {Options{ClusterRanges: "10.244.0.0/16"}, ""},
		"v6":                      {Options{ClusterRanges: "fd00::/48", MaskSize: 80}, ""},
		"both":                    {Options{ClusterRanges: "fd00::/48, 10.244.0.0/16", MaskSizeIPv4: 26}, ""},
		"all of it for one node":  {Options{ClusterRanges: "10.244.0.0/24", ServiceRanges: "10.96.0.0/12"}, ""},
		"none":                    {Options{}, "--allocate-node-cidrs requires --cluster-cidr"},
		"nonsense":                {Options{ClusterRanges: "10.244.0.0"}, "--cluster-cidr: "},
		"two of a family":         {Options{ClusterRanges: "10.0.0.0/16,10.1.0.0/16"}, "more than one range of a family"},
		"three":                   {Options{ClusterRanges: "10.0.0.0/16,fd00::/48,10.1.0.0/16"}, "more than one range of a family"},
		"mapped":                  {Options{ClusterRanges: "::ffff:10.0.0.0/112"}, "written as IPv6"},
		"services":                {Options{ClusterRanges: "10.0.0.0/8", ServiceRanges: "10.96.0.0/12"}, "10.0.0.0/8 overlaps 10.96.0.0/12"},
		"services are nonsense":   {Options{ClusterRanges: "10.0.0.0/8", ServiceRanges: "x"}, "--service-cluster-ip-range: "},
		"too small":               {Options{ClusterRanges: "10.0.0.0/25"}, "24 does not fit into 10.0.0.0/25"},
		"beyond the address":      {Options{ClusterRanges: "10.0.0.0/8", MaskSize: 33}, "33 does not fit"},
		"negative":                {Options{ClusterRanges: "10.0.0.0/8", MaskSizeIPv4: -1}, "-1 does not fit"},
		"too many":                {Options{ClusterRanges: "fd00::/8", MaskSize: 80}, "too many"},
		"mask of both":            {Options{ClusterRanges: "fd00::/48,10.244.0.0/16", MaskSize: 26}, "clusters of one address family"},
		"mask of the other":       {Options{ClusterRanges: "10.244.0.0/16", MaskSizeIPv6: 64}, "no range of that family"},
		"mask of the other, v6":   {Options{ClusterRanges: "fd00::/48", MaskSizeIPv4: 24}, "no range of that family"},
		"mask given twice":        {Options{ClusterRanges: "10.244.0.0/16", MaskSize: 24, MaskSizeIPv4: 25}, "exclude each other"},
		"mask given twice, in v6": {Options{ClusterRanges: "fd00::/48", MaskSize: 64, MaskSizeIPv6: 65}, "exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Allocate = true
			if err := c.o.Validate(); c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

func TestPool(t *testing.T) {
	prefixes := func(texts ...string) (all []netip.Prefix) {
		for _, s := range texts {
			all = append(all, netip.MustParsePrefix(s))
		}
		return all
	}
	for name, c := range map[string]struct {
		cluster string
		bits    int
		next    uint64
		taken   []netip.Prefix
		want    string
	}{
		"the first":                      {"10.0.0.0/16", 24, 0, nil, "10.0.0.0/24"},
		"the turn of another":            {"10.0.0.0/16", 24, 7, nil, "10.0.7.0/24"},
		"round again":                    {"10.0.0.0/16", 24, 255, prefixes("10.0.255.0/24"), "10.0.0.0/24"},
		"beside one not on the boundary": {"10.0.0.0/16", 26, 0, prefixes("10.0.0.0/26", "10.0.0.65/32"), "10.0.0.128/26"},
		"behind a wider one":             {"10.0.0.0/16", 24, 3, prefixes("10.0.0.0/20", "10.0.3.0/24"), "10.0.16.0/24"},
		"others do not matter":           {"10.0.0.0/16", 24, 0, prefixes("10.1.0.0/16", "fd00::/8"), "10.0.0.0/24"},
		"all of it is taken":             {"10.0.0.0/16", 24, 9, prefixes("10.0.0.0/8"), ""},
		"one alone":                      {"10.0.0.0/24", 24, 0, nil, "10.0.0.0/24"},
		"behind a very wide one":         {"fd00::/8", 70, 5, prefixes("fd00::/9"), "fd80::/70"},
		"v6, across bytes":               {"fd00::/60", 67, 9, nil, "fd00:0:0:1:2000::/67"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Pool{cluster: netip.MustParsePrefix(c.cluster), bits: c.bits, next: c.next}
			got, ok := p.take(c.taken)
			require.Equal(t, c.want != "", ok)
			if ok {
				require.Equal(t, c.want, got.String())
			}
		})
	}
}
