package netlab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace.
type Namespace struct {
	Name   string // for messages
	handle netns.NsHandle
	links  *netlink.Handle
}

// newNamespace makes one that goes when the test ends.
func newNamespace(t testing.TB, name string) *Namespace {
	t.Helper()
	n := &Namespace{Name: name}
	require.NoError(t, onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			n.handle, err = netns.Get()
		}
		return err
	}))
	t.Cleanup(func() { _ = n.handle.Close() })
	var err error
	n.links, err = netlink.NewHandleAt(n.handle)
	require.NoError(t, err)
	t.Cleanup(n.links.Close)
	for _, of := range []string{"all", "default"} {
		n.Sysctl(t, "ipv6/conf/"+of+"/accept_dad", "0") // addresses are of use at once
	}
	n.up(t, "lo")
	return n
}

// Do runs f in the namespace. Sockets that f makes, and processes that it starts, stay there; goroutines that it starts don't.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("netlab: entering %s: %w", n.Name, err)
		}
		return f()
	})
}

// onThread runs f on a thread of its own, which ends with it: it may have been moved to another namespace.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocks it
		result <- f()
	}()
	return <-result
}

// Sysctl sets a value below /proc/sys/net.
func (n *Namespace) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	require.NoError(t, n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
	}), name)
}

func (n *Namespace) up(t testing.TB, link string) netlink.Link {
	t.Helper()
	l, err := n.links.LinkByName(link)
	require.NoError(t, err)
	require.NoError(t, n.links.LinkSetUp(l))
	return l
}

// address gives a link addresses.
func (n *Namespace) address(t testing.TB, link string, prefixes ...string) {
	t.Helper()
	l := n.up(t, link)
	for _, prefix := range prefixes {
		a, err := netlink.ParseAddr(prefix)
		require.NoError(t, err)
		a.Flags = unix.IFA_F_NODAD
		require.NoError(t, n.links.AddrAdd(l, a), prefix)
	}
}

// route sends what goes to a prefix over a gateway, from an address of the namespace if one is said.
func (n *Namespace) route(t testing.TB, prefix, gateway string, from ...string) {
	t.Helper()
	to, err := netlink.ParseIPNet(prefix)
	require.NoError(t, err)
	r := &netlink.Route{Dst: to, Gw: net.ParseIP(gateway)}
	for _, ip := range from {
		r.Src = net.ParseIP(ip)
	}
	require.NoError(t, n.links.RouteAdd(r), "%s via %s", prefix, gateway)
}

// wire joins two namespaces.
func wire(t testing.TB, a *Namespace, linkA string, b *Namespace, linkB string) {
	t.Helper()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = linkA
	require.NoError(t, a.links.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: linkB, PeerNamespace: netlink.NsFd(int(b.handle))}))
	a.up(t, linkA)
	b.up(t, linkB)
}
