package podnetwork

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPlan(t *testing.T) {
	old := newNode("z", "192.0.2.9", "10.244.9.0/24")
	old.CreationTimestamp = metav1.NewTime(time.Unix(1, 0))
	young := newNode("b", "192.0.2.8", "10.244.9.0/25")
	young.CreationTimestamp = metav1.NewTime(time.Unix(2, 0))
	legacy := newNode("b", "192.0.2.2")
	legacy.Spec.PodCIDR = "10.244.1.0/24"
	for name, c := range map[string]struct {
		others  []*v1.Node
		routes  map[string]string
		refused string
	}{
		"none":                     {nil, nil, ""},
		"one":                      {[]*v1.Node{newNode("b", "192.0.2.2", "10.244.1.0/24")}, map[string]string{"10.244.1.0/24": "192.0.2.2"}, ""},
		"podCIDR alone":            {[]*v1.Node{legacy}, map[string]string{"10.244.1.0/24": "192.0.2.2"}, ""},
		"no address yet":           {[]*v1.Node{newNode("b", "", "10.244.1.0/24")}, nil, ""},
		"no range yet":             {[]*v1.Node{newNode("b", "192.0.2.2")}, nil, ""},
		"another family":           {[]*v1.Node{newNode("b", "192.0.2.2", "fd00::/64")}, nil, ""},
		"nonsense":                 {[]*v1.Node{newNode("b", "here", "there", "::ffff:10.1.0.0/112")}, nil, ""},
		"host bits":                {[]*v1.Node{newNode("b", "192.0.2.2", "10.244.1.7/24")}, map[string]string{"10.244.1.0/24": "192.0.2.2"}, ""},
		"the whole world":          {[]*v1.Node{newNode("b", "192.0.2.2", "0.0.0.0/0")}, nil, "node b: no route to 0.0.0.0/0: it contains 192.0.2.1"},
		"ours":                     {[]*v1.Node{newNode("b", "192.0.2.2", "10.244.0.128/25")}, nil, "overlaps this node's range"},
		"the younger comes late":   {[]*v1.Node{young, old}, map[string]string{"10.244.9.0/24": "192.0.2.9"}, "node b: no route to 10.244.9.0/25"},
		"two v4 ranges of a node":  {[]*v1.Node{newNode("b", "192.0.2.2", "10.244.1.0/24", "10.244.2.0/24")}, map[string]string{"10.244.1.0/24": "192.0.2.2"}, ""},
		"an address with its zone": {[]*v1.Node{newNode("b", "fe80::1%eth0", "fd00::/64")}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlan("a", append(c.others, newNode("a", "192.0.2.1", "10.244.0.0/24")))
			require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/24")}, p.own)
			want := map[netip.Prefix]netip.Addr{}
			for dst, gateway := range c.routes {
				want[netip.MustParsePrefix(dst)] = netip.MustParseAddr(gateway)
			}
			require.Equal(t, want, p.routes)
			if c.refused == "" {
				require.Empty(t, p.refused)
			} else {
				require.Len(t, p.refused, 1)
				require.ErrorContains(t, p.refused[0], c.refused)
			}
		})
	}
}

// The configuration of a node does not change by chance: runtimes read it anew whenever it does.
func TestConf(t *testing.T) {
	dir := t.TempDir()
	n := &Network{o: Options{CNIConfDir: filepath.Join(dir, "net.d"), CNIDataDir: "/data", Bridge: "cni0"}}
	p := newPlan("a", []*v1.Node{newNode("a", "192.0.2.1", "10.244.0.0/24", "fd00::/64")})
	require.NoError(t, n.writeCNI(p))
	path := filepath.Join(dir, "net.d", "10-petcd.conflist")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, `{"cniVersion": "1.0.0", "name": "petcd", "plugins": [
		{"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "forceAddress": true, "hairpinMode": true,
		 "ipam": {"type": "host-local", "dataDir": "/data", "ranges": [[{"subnet": "10.244.0.0/24"}], [{"subnet": "fd00::/64"}]]}},
		{"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}]}`, string(b))
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, n.writeCNI(p))
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "left alone")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o644))
	require.NoError(t, n.writeCNI(p))
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, b, again)
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1)
}
