package network

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridgeName is what the bridge is called, as everywhere in Kubernetes.
const bridgeName = "cni0"

// podDevice is the device's name in a pod.
const podDevice = "eth0"

// ErrNoRange says that the node was not given a range of addresses yet.
var ErrNoRange = errors.New("the node has no pod range: neither --pod-cidr nor UpdateRuntimeConfig gave one")

// Network is the node's bridge and the addresses of its pods.
type Network struct {
	leases leases
	file   string // the ranges, for the next daemon

	mu     sync.Mutex
	ranges []netip.Prefix
	ready  bool // the bridge is as it has to be
}

// Open reads what an earlier daemon left in a folder.
func Open(dir string) (*Network, error) {
	n := &Network{leases: leases{filepath.Join(dir, "addresses")}, file: filepath.Join(dir, "ranges")}
	if err := os.MkdirAll(n.leases.dir, 0o700); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	data, err := os.ReadFile(n.file)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	n.ranges, err = parse(string(data))
	return n, err
}

// parse reads ranges, comma-separated: one of IPv4, one of IPv6, or both.
func parse(text string) ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	for s := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		r, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
		r = r.Masked()
		if r.Addr().BitLen()-r.Bits() < 2 {
			return nil, fmt.Errorf("network: the range %s has no room for pods", r)
		}
		for _, other := range ranges {
			if other.Addr().Is4() == r.Addr().Is4() {
				return nil, fmt.Errorf("network: %s and %s: one range of a kind", other, r)
			}
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// SetRanges says which addresses pods get from now on.
func (n *Network) SetRanges(text string) error {
	ranges, err := parse(text)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := os.WriteFile(n.file+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if err := os.Rename(n.file+".new", n.file); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	n.ranges, n.ready = ranges, false
	return n.bridge()
}

// Ready says why pods can't have addresses.
func (n *Network) Ready() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.ranges) == 0 {
		return ErrNoRange
	}
	return n.bridge()
}

// bridge makes the bridge, if it isn't there. n.mu is locked.
func (n *Network) bridge() error {
	l, err := netlink.LinkByName(bridgeName)
	if err == nil && n.ready && l.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = bridgeName
		if err = netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); errors.Is(err, unix.EEXIST) {
			err = nil
		}
		if err == nil {
			l, err = netlink.LinkByName(bridgeName)
		}
	}
	if err != nil {
		return fmt.Errorf("network: bridge %s: %w", bridgeName, err)
	}
	if l.Type() != "bridge" {
		return fmt.Errorf("network: %s is there and is no bridge, but a %s", bridgeName, l.Type())
	}
	for _, r := range n.ranges {
		a := &netlink.Addr{IPNet: ipNet(gateway(r), r.Bits())}
		if !r.Addr().Is4() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrReplace(l, a); err != nil {
			return fmt.Errorf("network: address of %s: %w", bridgeName, err)
		}
		file := "/proc/sys/net/ipv4/ip_forward"
		if !r.Addr().Is4() {
			file = "/proc/sys/net/ipv6/conf/all/forwarding"
		}
		if err := os.WriteFile(file, []byte("1"), 0); err != nil {
			return fmt.Errorf("network: forwarding: %w", err)
		}
	}
	if err := refuseRouters(bridgeName); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("network: bridge %s: %w", bridgeName, err)
	}
	n.ready = true
	return nil
}

// refuseRouters makes the caller's network namespace believe no router that announces itself on a device: on the bridge, any pod could
// do so, and draw the traffic of the node or of other pods to itself.
func refuseRouters(device string) error {
	err := os.WriteFile("/proc/sys/net/ipv6/conf/"+device+"/accept_ra", []byte("0"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the kernel may have no IPv6
		return fmt.Errorf("network: routers on %s: %w", device, err)
	}
	return nil
}

// ipNet is an address with its prefix, as netlink takes it.
func ipNet(a netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
}

// deviceName is the node's device of a pod.
func deviceName(pod string) string {
	return fmt.Sprintf("veth%x", sha256.Sum256([]byte(pod)))[:14]
}

// Add connects a pod's network namespace and returns the pod's addresses.
func (n *Network) Add(pod string, netns *os.File) ([]netip.Addr, error) {
	if err := n.Ready(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	ranges := n.ranges
	n.mu.Unlock()
	var addresses []netip.Addr
	err := func() error {
		for _, r := range ranges {
			a, err := n.leases.take(r, pod)
			if err != nil {
				return err
			}
			addresses = append(addresses, a)
		}
		if err := plug(pod, netns, addresses); err != nil {
			return err
		}
		return furnish(netns, ranges, addresses)
	}()
	if err != nil {
		return nil, errors.Join(err, n.Remove(pod))
	}
	return addresses, nil
}

// plug makes the pair of devices and puts the node's one on the bridge.
func plug(pod string, netns *os.File, addresses []netip.Addr) error {
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("network: bridge %s: %w", bridgeName, err)
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MasterIndex = deviceName(pod), bridge.Attrs().Index
	veth := &netlink.Veth{
		LinkAttrs: attributes, PeerName: podDevice, PeerNamespace: netlink.NsFd(int(netns.Fd())), PeerHardwareAddr: hardwareAddress(addresses),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("network: veth: %w", err)
	}
	// So that a pod reaches a Service whose only backend it is.
	if err := netlink.LinkSetHairpin(veth, true); err != nil {
		return fmt.Errorf("network: hairpin: %w", err)
	}
	if err := netlink.LinkSetUp(veth); err != nil {
		return fmt.Errorf("network: veth: %w", err)
	}
	return nil
}

// hardwareAddress follows from the pod's address, if it has one of IPv4: neighbors that still know the one who had that address before
// would send to a device that is gone, for some 15 seconds.
func hardwareAddress(addresses []netip.Addr) net.HardwareAddr {
	for _, a := range addresses {
		if a.Is4() {
			return append(net.HardwareAddr{0x0a, 0x58}, a.AsSlice()...)
		}
	}
	return nil // IPv6 announces new neighbors itself
}

// furnish gives the pod's device its addresses and routes.
func furnish(netns *os.File, ranges []netip.Prefix, addresses []netip.Addr) error {
	h, err := handle(netns)
	if err != nil {
		return err
	}
	defer h.Close()
	l, err := h.LinkByName(podDevice)
	if err != nil {
		return fmt.Errorf("network: %s: %w", podDevice, err)
	}
	for i, r := range ranges {
		a := &netlink.Addr{IPNet: ipNet(addresses[i], r.Bits())}
		if !r.Addr().Is4() {
			a.Flags = unix.IFA_F_NODAD // an address that nobody else has need not be asked for, which takes a second
		}
		if err := h.AddrAdd(l, a); err != nil {
			return fmt.Errorf("network: address %s: %w", addresses[i], err)
		}
	}
	if err := Within(netns, func() error { return refuseRouters(podDevice) }); err != nil {
		return err
	}
	if err := h.LinkSetUp(l); err != nil {
		return fmt.Errorf("network: %s: %w", podDevice, err)
	}
	for _, r := range ranges {
		if err := h.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: gateway(r).AsSlice()}); err != nil {
			return fmt.Errorf("network: default route: %w", err)
		}
	}
	return nil
}

// Remove disconnects a pod and gives its addresses back. A pod that has none is done already.
func (n *Network) Remove(pod string) error {
	l, err := netlink.LinkByName(deviceName(pod))
	if err == nil {
		err = netlink.LinkDel(l)
	}
	if err != nil && !errors.As(err, new(netlink.LinkNotFoundError)) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("network: veth: %w", err)
	}
	return n.leases.release(func(p string) bool { return p == pod })
}

// Keep gives back the addresses of all pods but the given ones.
func (n *Network) Keep(has func(pod string) bool) error {
	return n.leases.release(func(pod string) bool { return !has(pod) })
}

// Traffic is what a pod's device has received and sent.
type Traffic struct{ RxBytes, RxErrors, TxBytes, TxErrors uint64 }

// Traffic reads a pod's counters, at the node's end of its cable.
func (n *Network) Traffic(pod string) (Traffic, error) {
	l, err := netlink.LinkByName(deviceName(pod))
	if err != nil {
		return Traffic{}, fmt.Errorf("network: veth: %w", err)
	}
	s := l.Attrs().Statistics
	if s == nil {
		return Traffic{}, nil
	}
	return Traffic{RxBytes: s.TxBytes, RxErrors: s.TxErrors, TxBytes: s.RxBytes, TxErrors: s.RxErrors}, nil
}
