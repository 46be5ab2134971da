package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// ErrFull says that a range has no address left.
var ErrFull = errors.New("no address left in the range")

// leases are the addresses that pods have: files named as the address, holding the pod's id.
type leases struct{ dir string }

// take gives a pod the first free address of a range. The network's own, the gateway's and, in IPv4, the broadcast address are never
// given.
func (l leases) take(r netip.Prefix, pod string) (netip.Addr, error) {
	last := broadcast(r)
	for a := gateway(r).Next(); r.Contains(a) && a != last; a = a.Next() {
		f, err := os.OpenFile(l.file(a), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return a, fmt.Errorf("network: %w", err)
		}
		_, err = f.WriteString(pod)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return a, fmt.Errorf("network: %w", err)
		}
		return a, nil
	}
	return netip.Addr{}, fmt.Errorf("network: %w: %s", ErrFull, r)
}

// file is an address' file.
func (l leases) file(a netip.Addr) string { return filepath.Join(l.dir, a.String()) }

// release gives back all addresses of the pods for which gone holds.
func (l leases) release(gone func(pod string) bool) error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	for _, e := range entries {
		file := filepath.Join(l.dir, e.Name())
		pod, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("network: %w", err)
		}
		if !gone(strings.TrimSpace(string(pod))) {
			continue
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("network: %w", err)
		}
	}
	return nil
}

// gateway is the first address of a range, which the bridge has.
func gateway(r netip.Prefix) netip.Addr { return r.Masked().Addr().Next() }

// broadcast is the last address of an IPv4 range.
func broadcast(r netip.Prefix) netip.Addr {
	if !r.Addr().Is4() {
		return netip.Addr{}
	}
	a := r.Masked().Addr().As4()
	for bit := r.Bits(); bit < 32; bit++ {
		a[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(a)
}
