package dns

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// below splits what stands before a zone in a name into labels, the one next to the zone first. Both are lower-case.
func below(name, zone string) []string {
	labels := dns.SplitDomainName(strings.TrimSuffix(name, zone))
	slices.Reverse(labels)
	return labels
}

// dashed is an address as a label.
func dashed(ip netip.Addr) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(ip.String())
}

// undashed reads an address of a label.
func undashed(label string) (ip netip.Addr, ok bool) {
	if strings.Count(label, "-") == 3 && !strings.Contains(label, "--") {
		if ip, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ".")); err == nil {
			return ip, true
		}
	}
	ip, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ":"))
	return ip, err == nil && ip.Is6() && ip.Zone() == ""
}

// The zones of reverse names.
const (
	reverse4 = ".in-addr.arpa."
	reverse6 = ".ip6.arpa."
)

// unreversed reads the address of a reverse name; not ok if it is none, or that of a range.
func unreversed(name string) (ip netip.Addr, ok bool) {
	if digits, is := strings.CutSuffix(name, reverse4); is {
		parts := strings.Split(digits, ".")
		slices.Reverse(parts)
		ip, err := netip.ParseAddr(strings.Join(parts, "."))
		return ip, err == nil && ip.Is4()
	}
	digits, is := strings.CutSuffix(name, reverse6)
	parts := strings.Split(digits, ".")
	if !is || len(parts) != 32 {
		return netip.Addr{}, false
	}
	var b [16]byte
	for i, p := range parts { // the last digit comes first
		d, err := strconv.ParseUint(p, 16, 4)
		if err != nil || len(p) != 1 {
			return netip.Addr{}, false
		}
		at := 31 - i
		b[at/2] |= byte(d) << (4 * (1 - at%2))
	}
	return netip.AddrFrom16(b), true
}
