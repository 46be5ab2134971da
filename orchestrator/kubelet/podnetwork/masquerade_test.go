package podnetwork

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"sigs.k8s.io/knftables"
)

func TestMasqueradeRules(t *testing.T) {
	p := newPlan("a", []*v1.Node{
		newNode("a", "192.0.2.1", "10.244.0.0/24", "fd00::/64"), newNode("b", "192.0.2.2", "10.244.1.0/24", "fd00:0:0:1::/64"),
	})
	want := map[knftables.Family]string{
		knftables.IPv4Family: `
add table ip petcd-pods { comment "packets of pods that leave the cluster" ; }
add chain ip petcd-pods postrouting { type nat hook postrouting priority 100 ; }
add rule ip petcd-pods postrouting ip saddr 10.244.0.0/24 ip daddr != { 10.244.0.0/24, 10.244.1.0/24 } ip daddr != 224.0.0.0/4 masquerade
`,
		knftables.IPv6Family: `
add table ip6 petcd-pods { comment "packets of pods that leave the cluster" ; }
add chain ip6 petcd-pods postrouting { type nat hook postrouting priority 100 ; }
add rule ip6 petcd-pods postrouting ip6 saddr fd00::/64 ip6 daddr != { fd00::/64 } ip6 daddr != ff00::/8 masquerade
`, // b has no address of that family, so there is no way to its pods
	}
	for _, own := range p.own {
		nft := knftables.NewFake(familyOf(own), table)
		for range 2 { // the second replaces what the first has written
			require.NoError(t, nft.Run(t.Context(), masquerade(nft, own, p.cluster())))
			require.Equal(t, strings.TrimSpace(want[familyOf(own)]), strings.TrimSpace(nft.Dump()))
		}
	}
}
