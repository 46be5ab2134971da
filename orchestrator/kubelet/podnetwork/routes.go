package podnetwork

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Protocol marks the routes that are ours: `ip route show proto 107` lists them. It is none of /etc/iproute2/rt_protos.
const Protocol = 107

// watchRoutes tells of changes of routes until done is closed. The channel is closed when changes were lost.
func watchRoutes(done <-chan struct{}) (<-chan netlink.RouteUpdate, error) {
	updates := make(chan netlink.RouteUpdate)
	if err := netlink.RouteSubscribe(updates, done); err != nil {
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	return updates, nil
}

// syncRoutes adds and changes the routes of the plan, and removes those of ours that are not in it.
func (n *Network) syncRoutes(p *plan) error {
	ours, err := ourRoutes()
	if err != nil {
		return err
	}
	var errs []error
	there := map[netip.Prefix]netlink.Route{}
	for _, r := range ours {
		dst := prefixOf(r.Dst)
		if _, wanted := p.routes[dst]; !wanted || there[dst].Dst != nil {
			errs = append(errs, removeRoute(r))
			continue
		}
		there[dst] = r
	}
	for dst, gateway := range p.routes {
		r := netlink.Route{
			Dst: &net.IPNet{IP: dst.Addr().AsSlice(), Mask: net.CIDRMask(dst.Bits(), dst.Addr().BitLen())},
			Gw:  gateway.AsSlice(), Protocol: Protocol, Table: unix.RT_TABLE_MAIN,
		}
		is, exists := there[dst]
		switch {
		case exists && is.Gw.Equal(r.Gw):
			continue
		case exists:
			err = netlink.RouteReplace(&r) // what it replaces is ours, for there can't be two of the same metric
		default:
			err = netlink.RouteAdd(&r)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("route to %v via %v: %w", dst, gateway, err))
		}
	}
	return errors.Join(errs...)
}

// ourRoutes are the routes of our protocol, in both families.
func ourRoutes() ([]netlink.Route, error) {
	filter := &netlink.Route{Protocol: Protocol, Table: unix.RT_TABLE_MAIN}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return routes, nil
}

// removeRoute removes a route. The kernel compares the protocol as well.
func removeRoute(r netlink.Route) error {
	if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("remove route to %v: %w", r.Dst, err)
	}
	return nil
}

// prefixOf is the destination of a route; the zero Prefix for a default route.
func prefixOf(dst *net.IPNet) netip.Prefix {
	if dst == nil {
		return netip.Prefix{}
	}
	addr, ok := netip.AddrFromSlice(dst.IP)
	if !ok {
		return netip.Prefix{}
	}
	ones, bits := dst.Mask.Size()
	if bits == 32 {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, ones)
}
