package podnetwork

import (
	"errors"
	"fmt"
	"io/fs"
)

// setForwarding lets the kernel forward packets of pods, and show those that stay on the bridge to the rules of kube-proxy:
// otherwise a pod that is answered by another of its node gets the answer from an address that it didn't ask.
func (n *Network) setForwarding(p *plan) error {
	var errs []error
	for _, r := range p.own {
		forward, bridged := "net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"
		if r.Addr().Is6() {
			forward, bridged = "net/ipv6/conf/all/forwarding", "net/bridge/bridge-nf-call-ip6tables"
		}
		errs = append(errs, n.set(forward))
		if err := n.set(bridged); !errors.Is(err, fs.ErrNotExist) { // br_netfilter is not loaded: nothing can be set
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// set switches a setting on. One that is on is not written: /proc/sys may be read-only.
func (n *Network) set(name string) error {
	is, err := n.sysctl.GetSysctl(name)
	if err == nil && is != 1 {
		err = n.sysctl.SetSysctl(name, 1)
	}
	if err != nil {
		return fmt.Errorf("sysctl %s: %w", name, err)
	}
	return nil
}
