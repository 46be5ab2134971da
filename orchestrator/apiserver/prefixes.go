package apiserver

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// prefixes are ranges of addresses, as a flag: one text, with commas, and the last one given counts, as upstream.
type prefixes []netip.Prefix

// String implements pflag.Value.
func (p *prefixes) String() string {
	var all []string
	for _, prefix := range *p {
		all = append(all, prefix.String())
	}
	return strings.Join(all, ",")
}

// Set implements pflag.Value.
func (p *prefixes) Set(text string) error {
	var all prefixes
	for part := range strings.SplitSeq(text, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		if prefix.Addr().Is4In6() {
			return fmt.Errorf("%v: write it as IPv4", prefix)
		}
		all = append(all, prefix.Masked())
	}
	*p = all
	return nil
}

// Type implements pflag.Value.
func (p *prefixes) Type() string { return "cidrs" }

// first is the first address of each range, after the network's own. The apiservers' Service has that of the first range.
func (p *prefixes) first() (ips []net.IP) {
	for _, prefix := range *p {
		ips = append(ips, prefix.Addr().Next().AsSlice())
	}
	return ips
}
