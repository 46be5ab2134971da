package podnetwork

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// cniBin is where Debian's containernetworking-plugins are.
const cniBin = "/usr/lib/cni"

// space is a network namespace of the test's own. It lives as long as the test holds it open, and goes with the test's process at
// the latest; so do the interfaces, routes and rules in it.
type space struct {
	t  *testing.T
	ns netns.NsHandle
}

func newSpace(t *testing.T) *space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	made := make(chan netns.NsHandle)
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, for it is in the wrong namespace
		if ns, err := netns.New(); err != nil {
			failed <- err
		} else {
			made <- ns
		}
	}()
	s := &space{t: t}
	select {
	case s.ns = <-made:
	case err := <-failed:
		t.Skipf("cannot make network namespaces: %v", err)
	}
	t.Cleanup(func() { s.ns.Close() })
	s.in(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return s
}

// start runs f in the namespace, on a thread of its own. The channel is closed when f has ended, after an error of it if there is
// one.
func (s *space) start(f func() error) <-chan error {
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		err := netns.Set(s.ns)
		if err == nil {
			err = f()
		}
		if err != nil {
			ended <- err
		}
	}()
	return ended
}

// in runs f in the namespace.
func (s *space) in(f func() error) {
	s.t.Helper()
	require.NoError(s.t, <-s.start(f))
}

// path is the namespace's file, for programs.
func (s *space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(s.ns)) }

// newSwitch is a namespace with a bridge, to which nodes are plugged.
func newSwitch(t *testing.T) *space {
	s := newSpace(t)
	s.in(func() error {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
		if err := netlink.LinkAdd(br); err != nil {
			return err
		}
		if err := addAddress(br, "192.0.2.254/24"); err != nil {
			return err
		}
		return netlink.LinkSetUp(br)
	})
	return s
}

func addAddress(link netlink.Link, address string) error {
	a, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	return netlink.AddrAdd(link, a)
}

var ports atomic.Int32

// plug joins a node to the switch by eth0 with the address.
func (s *space) plug(into *space, addresses ...string) {
	s.t.Helper()
	port := fmt.Sprint("port", ports.Add(1))
	into.in(func() error {
		br, err := netlink.LinkByName("br0")
		if err != nil {
			return err
		}
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: port, MasterIndex: br.Attrs().Index}, PeerName: "eth0", PeerNamespace: netlink.NsFd(s.ns)}
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		return netlink.LinkSetUp(veth)
	})
	s.in(func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if err := addAddress(eth0, a); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(eth0)
	})
}

// pod is a namespace that the CNI plugins have connected to a node.
type pod struct {
	*space
	ip string
}

// newPod does what a runtime does with the configuration: it calls the plugins in turn, each with the result of the one before.
func newPod(t *testing.T, node *space, confDir, id string) *pod {
	t.Helper()
	if _, err := os.Stat(filepath.Join(cniBin, "bridge")); err != nil {
		t.Skipf("needs containernetworking-plugins: %v", err)
	}
	var list struct {
		CNIVersion, Name string
		Plugins          []map[string]any
	}
	b, err := os.ReadFile(filepath.Join(confDir, confName))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &list))
	p := &pod{space: newSpace(t)}
	result := map[string]any(nil)
	for _, plugin := range list.Plugins {
		plugin["cniVersion"], plugin["name"], plugin["prevResult"] = list.CNIVersion, list.Name, result
		in, err := json.Marshal(plugin)
		require.NoError(t, err)
		var out bytes.Buffer
		node.in(func() error {
			cmd := exec.Command(filepath.Join(cniBin, plugin["type"].(string)))
			cmd.Env = append(os.Environ(), "CNI_COMMAND=ADD", "CNI_CONTAINERID="+id, "CNI_NETNS="+p.path(), "CNI_IFNAME=eth0", "CNI_PATH="+cniBin)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &out
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w: %s", plugin["type"], err, out.String())
			}
			return nil
		})
		result = nil
		require.NoError(t, json.Unmarshal(out.Bytes(), &result), out.String())
	}
	address := result["ips"].([]any)[0].(map[string]any)["address"].(string)
	ip, _, err := net.ParseCIDR(address)
	require.NoError(t, err)
	p.ip = ip.String()
	return p
}

// answer serves TCP in the namespace until the test ends: whoever connects is told the address that he comes from.
func (s *space) answer(address string) {
	s.t.Helper()
	s.in(func() error {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		s.t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
				fmt.Fprint(c, host)
				c.Close()
			}
		}()
		return nil
	})
}

// seenAs is the address under which a server in another namespace sees this one; "" if it cannot be reached.
func (s *space) seenAs(server string) (as string) {
	s.t.Helper()
	<-s.start(func() error {
		c, err := net.DialTimeout("tcp", server, dialTimeout)
		if err != nil {
			return err
		}
		defer c.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(c); err != nil {
			return err
		}
		as = b.String()
		return nil
	})
	return as
}
