package nodeipam

import (
	"net/netip"
)

// Pool is one range of the cluster, cut into ranges of one size. It remembers whose turn is next, not what is taken.
type Pool struct {
	cluster netip.Prefix
	bits    int    // the length of what it gives out
	next    uint64 // the range that is tried first
}

// take returns a range that overlaps none of taken.
func (p *Pool) take(taken []netip.Prefix) (netip.Prefix, bool) {
	n := uint64(1) << (p.bits - p.cluster.Bits())
	for seen := uint64(0); seen < n; {
		i := (p.next + seen) % n
		candidate := p.at(i)
		other, found := overlapping(taken, candidate)
		if !found {
			p.next = (i + 1) % n
			return candidate, true
		}
		seen += p.until(i, other, n)
	}
	return netip.Prefix{}, false
}

// until is how many ranges from i on, of n, a prefix takes up that overlaps range i: more than one if it is a shorter prefix,
// which must not be walked through one by one.
func (p *Pool) until(i uint64, other netip.Prefix, n uint64) uint64 {
	switch {
	case other.Bits() >= p.bits:
		return 1
	case other.Bits() <= p.cluster.Bits():
		return n
	}
	size := uint64(1) << (p.bits - other.Bits())
	return size - i%size
}

// at is range i: its number stands between the cluster's prefix and the node's own bits.
func (p *Pool) at(i uint64) netip.Prefix {
	b := p.cluster.Addr().AsSlice()
	for bit := p.bits - 1; i != 0; bit, i = bit-1, i>>1 {
		b[bit/8] |= byte(i&1) << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(b) // as long as the address that it was made of
	return netip.PrefixFrom(addr, p.bits)
}

// overlapping finds the widest of taken that shares an address with a range.
func overlapping(taken []netip.Prefix, with netip.Prefix) (widest netip.Prefix, found bool) {
	for _, t := range taken {
		if t.Overlaps(with) && (!found || t.Bits() < widest.Bits()) {
			widest, found = t, true
		}
	}
	return widest, found
}
