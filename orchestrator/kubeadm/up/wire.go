package up

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
)

// The network between the nodes. It is nowhere but in their namespaces, so that it can be in the way of no other.
const (
	gateway   = "192.168.76.1"
	prefixLen = 24
	bridge    = "br0"
)

// addressOf is a node's, by its number.
func addressOf(number int) string { return fmt.Sprintf("192.168.76.%d", 10+number) }

// makeSwitch makes the bridge that nodes are wired to.
func makeSwitch(ns namespace) error {
	return ns.do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = bridge
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return fmt.Errorf("up: bridge: %w", err)
		}
		return configure(bridge, gateway, "")
	})
}

// wire joins a node to the switch. Both ends are made in the switch: the machine's own namespace sees neither.
func wire(sw, node namespace, number int) error {
	port := fmt.Sprintf("port%d", number)
	err := sw.do(func() error {
		to, err := os.Open(node.path())
		if err != nil {
			return err
		}
		defer to.Close()
		master, err := netlink.LinkByName(bridge)
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MasterIndex = port, master.Attrs().Index
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(to.Fd()))}); err != nil {
			return err
		}
		link, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
	if err == nil {
		err = node.do(func() error { return configure("eth0", addressOf(number), gateway) })
	}
	if err != nil {
		return fmt.Errorf("up: wire %s to %s: %w", node, sw, err)
	}
	return nil
}

// configure gives an interface of this namespace its address, and the namespace its way to everything else. Without one, packets to
// Services would not get as far as the rules that are for them.
func configure(name, address, via string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	own := &net.IPNet{IP: net.ParseIP(address), Mask: net.CIDRMask(prefixLen, 32)}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: own}); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil || via == "" {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(via)})
}
