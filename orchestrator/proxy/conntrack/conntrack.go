package conntrack

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// ErrUnsupported is returned where the kernel can't be asked about flows.
var ErrUnsupported = errors.New("conntrack: the kernel has no ctnetlink, or this process may not use it")

// Table is the kernel's table of flows in the network namespace of the thread that asks.
type Table struct{}

// New returns the table if the kernel lets it be used.
func New() (*Table, error) {
	_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, nobody{})
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPROTONOSUPPORT) || errors.Is(err, syscall.EOPNOTSUPP) {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return &Table{}, nil
}

// nobody ends no flow.
type nobody struct{}

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (nobody) MatchConntrackFlow(*netlink.ConntrackFlow) bool { return false }

// End ends the UDP flows to places of leads that lead elsewhere than leads says. The zero address stands for the node's own ones.
func (*Table) End(family v1.IPFamily, leads map[netip.AddrPort][]netip.AddrPort) error {
	af := netlink.InetFamily(unix.AF_INET)
	if family == v1.IPv6Protocol {
		af = unix.AF_INET6
	}
	own := map[netip.Addr]bool{}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("conntrack: the node's addresses: %w", err)
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own[prefix.Addr()] = true
		}
	}
	_, err = netlink.ConntrackDeleteFilters(netlink.ConntrackTable, af, &stale{leads: leads, own: own})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		// Flows came and went meanwhile. A stale one that was missed is older than the rules that are there now, so a second look sees it.
		_, err = netlink.ConntrackDeleteFilters(netlink.ConntrackTable, af, &stale{leads: leads, own: own})
	}
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("conntrack: %w", err)
	}
	return nil
}

// stale matches flows that lead elsewhere.
type stale struct {
	leads map[netip.AddrPort][]netip.AddrPort
	own   map[netip.Addr]bool
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter. Whom the client asked is the flow's forward destination, who answers is
// its reverse source.
func (s *stale) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	if f.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	asked, answers := addrPort(f.Forward.DstIP, f.Forward.DstPort), addrPort(f.Reverse.SrcIP, f.Reverse.SrcPort)
	endpoints, ours := s.leads[asked]
	if !ours && s.own[asked.Addr()] {
		endpoints, ours = s.leads[netip.AddrPortFrom(netip.Addr{}, asked.Port())]
	}
	return ours && !slices.Contains(endpoints, answers)
}

func addrPort(ip net.IP, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip) // none is no endpoint's
	return netip.AddrPortFrom(addr.Unmap(), port)
}
