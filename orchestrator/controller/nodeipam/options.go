package nodeipam

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"
)

// Options are the flags of kube-controller-manager that are about the addresses of pods.
type Options struct {
	Allocate      bool   // --allocate-node-cidrs: without it, nodes get none from here
	ClusterRanges string // --cluster-cidr: one range, or one of each family with a comma between
	ServiceRanges string // --service-cluster-ip-range, likewise

	// How long the prefixes of nodes are; 0 for the default of the family.
	MaskSize, MaskSizeIPv4, MaskSizeIPv6 int
}

// The lengths of nodes' prefixes when no flag says another.
const (
	defaultMaskIPv4 = 24
	defaultMaskIPv6 = 64
)

// maxIndexBits bounds how many ranges a cluster's range has, so that they can be counted.
const maxIndexBits = 62

// AddFlags adds the flags, by upstream's names.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.Allocate, "allocate-node-cidrs", o.Allocate, "Whether nodes get ranges of pod addresses. Requires --cluster-cidr.")
	f.StringVar(&o.ClusterRanges, "cluster-cidr", o.ClusterRanges,
		"The addresses of all pods: one range, or one IPv4 and one IPv6 range with a comma between. Used with --allocate-node-cidrs only.")
	f.StringVar(&o.ServiceRanges, "service-cluster-ip-range", o.ServiceRanges,
		"The addresses of Services, which must not be those of pods. Used with --allocate-node-cidrs only.")
	f.IntVar(&o.MaskSize, "node-cidr-mask-size", o.MaskSize,
		"How long the prefix of a node is, in a cluster of one address family; 24 for IPv4 and 64 for IPv6 if not given.")
	f.IntVar(&o.MaskSizeIPv4, "node-cidr-mask-size-ipv4", o.MaskSizeIPv4, "The same for IPv4, also in a cluster of both families.")
	f.IntVar(&o.MaskSizeIPv6, "node-cidr-mask-size-ipv6", o.MaskSizeIPv6, "The same for IPv6, also in a cluster of both families.")
}

// Validate says what is wrong with the flags.
func (o *Options) Validate() error {
	_, err := o.Pools()
	return err
}

// Pools are what ranges are taken from, one of each family; none if nodes get none.
func (o *Options) Pools() ([]*Pool, error) {
	if !o.Allocate {
		return nil, nil
	}
	if o.ClusterRanges == "" {
		return nil, errors.New("--allocate-node-cidrs requires --cluster-cidr")
	}
	cluster, err := parse(o.ClusterRanges)
	if err != nil {
		return nil, fmt.Errorf("--cluster-cidr: %w", err)
	}
	var services []netip.Prefix
	if o.ServiceRanges != "" {
		if services, err = parse(o.ServiceRanges); err != nil {
			return nil, fmt.Errorf("--service-cluster-ip-range: %w", err)
		}
	}
	if err := o.masksFit(cluster); err != nil {
		return nil, err
	}
	var pools []*Pool
	for _, c := range cluster {
		for _, s := range services {
			if c.Overlaps(s) {
				return nil, fmt.Errorf("--cluster-cidr: %v overlaps %v of --service-cluster-ip-range", c, s)
			}
		}
		bits := o.mask(c)
		if bits < c.Bits() || bits > c.Addr().BitLen() {
			return nil, fmt.Errorf("--node-cidr-mask-size: %d does not fit into %v", bits, c)
		}
		if bits-c.Bits() > maxIndexBits {
			return nil, fmt.Errorf("--node-cidr-mask-size: %d makes too many ranges of %v", bits, c)
		}
		pools = append(pools, &Pool{cluster: c, bits: bits})
	}
	return pools, nil
}

// masksFit checks that the flags of prefix lengths are about families that the cluster has, and no two about the same.
func (o *Options) masksFit(cluster []netip.Prefix) error {
	if len(cluster) == 2 {
		if o.MaskSize != 0 {
			return errors.New("--node-cidr-mask-size: is for clusters of one address family; " +
				"use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6")
		}
		return nil
	}
	same, sameFlag, other, otherFlag := o.MaskSizeIPv4, "--node-cidr-mask-size-ipv4", o.MaskSizeIPv6, "--node-cidr-mask-size-ipv6"
	if cluster[0].Addr().Is6() {
		same, sameFlag, other, otherFlag = other, otherFlag, same, sameFlag
	}
	switch {
	case other != 0:
		return fmt.Errorf("%s: --cluster-cidr has no range of that family", otherFlag)
	case same != 0 && o.MaskSize != 0:
		return fmt.Errorf("--node-cidr-mask-size and %s exclude each other", sameFlag)
	}
	return nil
}

// mask is the length of the nodes' prefixes in a range of the cluster.
func (o *Options) mask(cluster netip.Prefix) int {
	sizes := []int{o.MaskSizeIPv4, o.MaskSize, defaultMaskIPv4}
	if cluster.Addr().Is6() {
		sizes = []int{o.MaskSizeIPv6, o.MaskSize, defaultMaskIPv6}
	}
	for _, s := range sizes {
		if s != 0 {
			return s
		}
	}
	return 0
}

// parse reads one range, or one of each family.
func parse(list string) (ranges []netip.Prefix, err error) {
	for s := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err != nil {
			return nil, err
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is an IPv4 range written as IPv6", s)
		}
		ranges = append(ranges, p.Masked())
	}
	if len(ranges) > 2 || (len(ranges) == 2 && ranges[0].Addr().Is4() == ranges[1].Addr().Is4()) {
		return nil, fmt.Errorf("%q has more than one range of a family", list)
	}
	return ranges, nil
}
