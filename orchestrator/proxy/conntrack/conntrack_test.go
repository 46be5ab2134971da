package conntrack

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestStale(t *testing.T) {
	at := netip.MustParseAddrPort
	s := &stale{
		own: map[netip.Addr]bool{netip.MustParseAddr("192.168.0.1"): true},
		leads: map[netip.AddrPort][]netip.AddrPort{
			at("10.96.0.10:53"): {at("10.244.0.1:53"), at("10.244.0.2:53")}, at("10.96.0.11:53"): nil,
			netip.AddrPortFrom(netip.Addr{}, 30053): {at("10.244.0.1:53")},
		},
	}
	for _, c := range []struct {
		asked, answers string
		protocol       uint8
		want           bool
	}{
		{"10.96.0.10:53", "10.244.0.1:53", unix.IPPROTO_UDP, false},
		{"10.96.0.10:53", "10.244.0.3:53", unix.IPPROTO_UDP, true},
		{"10.96.0.10:53", "10.96.0.10:53", unix.IPPROTO_UDP, true}, // from before there was the Service
		{"10.96.0.10:53", "10.244.0.3:53", unix.IPPROTO_TCP, false},
		{"10.96.0.10:54", "10.244.0.3:53", unix.IPPROTO_UDP, false},
		{"10.96.0.11:53", "10.244.0.1:53", unix.IPPROTO_UDP, true},
		{"192.168.0.1:30053", "10.244.0.1:53", unix.IPPROTO_UDP, false},
		{"192.168.0.1:30053", "10.244.0.2:53", unix.IPPROTO_UDP, true},
		{"192.168.0.2:30053", "192.168.0.2:30053", unix.IPPROTO_UDP, false}, // another machine's port
	} {
		f := &netlink.ConntrackFlow{}
		f.Forward.Protocol = c.protocol
		f.Forward.DstIP, f.Forward.DstPort = net.IP(at(c.asked).Addr().AsSlice()), at(c.asked).Port()
		f.Reverse.SrcIP, f.Reverse.SrcPort = net.IP(at(c.answers).Addr().AsSlice()), at(c.answers).Port()
		require.Equal(t, c.want, s.MatchConntrackFlow(f), "%+v", c)
	}
	require.False(t, s.MatchConntrackFlow(&netlink.ConntrackFlow{Forward: netlink.IPTuple{Protocol: unix.IPPROTO_UDP}}), "one without addresses")
}
