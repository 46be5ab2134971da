// Package modeltest gives the tests of backends a state to make rules of, and golden files to compare them with.
//
// Only tests import it.
package modeltest

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// The Services of Everything.
var (
	Web = types.NamespacedName{Namespace: "default", Name: "web"}
	DNS = types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"}
)

// Site is that of a usual node.
func Site() model.Site {
	return model.Site{MasqueradeMark: 1 << 14, Pods: model.Pods{Range: netip.MustParsePrefix("10.244.0.0/16")}}
}

// Everything is a state that needs each kind of rule.
func Everything() map[types.NamespacedName][]model.Port {
	return map[types.NamespacedName][]model.Port{
		Web: {{
			Service: Web, Name: "http", Protocol: v1.ProtocolTCP, Port: 80, NodePort: 30080, ClusterIP: IPs("10.96.0.10")[0],
			ExternalIPs: IPs("1.2.3.4"), LoadBalancerIPs: IPs("5.6.7.8"), SourceRanges: []netip.Prefix{netip.MustParsePrefix("9.0.0.0/8")},
			ExternalLocal: true, Cluster: Endpoints("10.244.1.1:8080", "10.244.2.1:8080"), Local: Endpoints("10.244.1.1:8080"),
		}},
		DNS: {
			{
				Service: DNS, Name: "dns", Protocol: v1.ProtocolUDP, Port: 53, ClusterIP: IPs("10.96.0.2")[0],
				Cluster: Endpoints("10.244.1.9:53", "10.244.2.9:53"), Affinity: time.Minute,
			},
			{Service: DNS, Name: "metrics", Protocol: v1.ProtocolTCP, Port: 9153, NodePort: 30153, ClusterIP: IPs("10.96.0.2")[0]},
		},
	}
}

// IPs parses addresses.
func IPs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// Endpoints parses addresses with ports.
func Endpoints(texts ...string) (all []netip.AddrPort) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

// Golden compares a text with a file of testdata, or writes the file.
func Golden(t *testing.T, update bool, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -update if it is as it should be")
}
