package allocator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// ErrIPTaken is when an address belongs to another Service.
var ErrIPTaken = errors.New("provided IP is already allocated")

// maxHostBits is how long a range of addresses may be: the bitmap of more would be too large for an object.
const (
	maxHostBits = 20
	// sixHostBits is how much of a range of IPv6 is used, however long it is.
	sixHostBits = 16
)

// IPs gives out the addresses of a range; of IPv4 neither the first nor the last, which are the network's own.
type IPs struct {
	table  *table
	prefix netip.Prefix
}

// NewIPs returns the addresses of a range, of which the store keeps what is taken.
func NewIPs(prefix netip.Prefix, store Store) (*IPs, error) {
	if !prefix.IsValid() {
		return nil, errors.New("allocator: no range of addresses")
	}
	prefix = prefix.Masked()
	bits := prefix.Addr().BitLen() - prefix.Bits()
	var size int
	switch {
	case prefix.Addr().Is4() && bits > maxHostBits:
		return nil, fmt.Errorf("allocator: the range %v is too large: at most %d bits of an address may vary", prefix, maxHostBits)
	case prefix.Addr().Is4():
		size = 1<<bits - 2
	default:
		size = 1<<min(bits, sixHostBits) - 1
	}
	if size < 1 {
		return nil, fmt.Errorf("allocator: the range %v has no address to give", prefix)
	}
	return &IPs{
		table:  &table{store: store, spec: prefix.String(), size: size, low: split(size, 16, 256, 16)},
		prefix: prefix,
	}, nil
}

// Family is the kind of addresses.
func (a *IPs) Family() corev1.IPFamily {
	if a.prefix.Addr().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

// DryRun returns what gives out the same addresses without taking them. It is for one request.
func (a *IPs) DryRun() *IPs { return &IPs{table: a.table.dryRun(), prefix: a.prefix} }

// Allocate takes an address.
func (a *IPs) Allocate(ctx context.Context, ip netip.Addr) error {
	offset, ok := a.offset(ip)
	if !ok {
		return OutsideError(fmt.Sprintf("the provided IP (%v) is not in the valid range. The range of valid IPs is %v", ip, a.prefix))
	}
	err := a.table.allocate(ctx, offset)
	if errors.Is(err, errTaken) {
		return ErrIPTaken
	}
	return err
}

// AllocateNext takes any address, of the upper part of the range while it has one: the lower part is for those who choose.
func (a *IPs) AllocateNext(ctx context.Context) (netip.Addr, error) {
	offset, err := a.table.allocateNext(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	return a.at(offset), nil
}

// Release gives an address back. One that isn't of the range is nobody's, as after the range was changed.
func (a *IPs) Release(ctx context.Context, ip netip.Addr) error {
	offset, ok := a.offset(ip)
	if !ok {
		return nil
	}
	return a.table.release(ctx, offset)
}

// Has tells whether an address is taken.
func (a *IPs) Has(ctx context.Context, ip netip.Addr) (bool, error) {
	offset, ok := a.offset(ip)
	if !ok {
		return false, nil
	}
	return a.table.has(ctx, offset)
}

// Free is how many addresses are left.
func (a *IPs) Free(ctx context.Context) (int, error) { return a.table.free(ctx) }

// Repair makes what is taken agree with the addresses that Services have. What isn't of the range is passed over.
func (a *IPs) Repair(ctx context.Context, list func(context.Context) ([]netip.Addr, error)) error {
	return a.table.repair(ctx, func(ctx context.Context) (offsets []int, err error) {
		ips, err := list(ctx)
		for _, ip := range ips {
			if offset, ok := a.offset(ip); ok {
				offsets = append(offsets, offset)
			}
		}
		return offsets, err
	})
}

// offset is the place of an address after the network's own.
func (a *IPs) offset(ip netip.Addr) (int, bool) {
	ip = ip.Unmap()
	if !ip.IsValid() || !a.prefix.Contains(ip) {
		return 0, false
	}
	offset := low(ip) - low(a.prefix.Addr())
	if offset < 1 || offset > uint64(a.table.size) {
		return 0, false
	}
	return int(offset) - 1, true
}

// at is the address of an offset: the inverse of offset.
func (a *IPs) at(offset int) netip.Addr {
	bytes := a.prefix.Addr().AsSlice()
	last := bytes[len(bytes)-4:]
	binary.BigEndian.PutUint32(last, binary.BigEndian.Uint32(last)+uint32(offset)+1)
	ip, _ := netip.AddrFromSlice(bytes) // of the length of an address
	return ip
}

// low is what may vary of an address within a range: its last 64 bits, or all 32.
func low(ip netip.Addr) uint64 {
	bytes := ip.As16()
	return binary.BigEndian.Uint64(bytes[8:])
}
