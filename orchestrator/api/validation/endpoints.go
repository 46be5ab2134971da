package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// validEndpoints checks who stands behind a service, grouped by the ports that they have in common.
func validEndpoints(e *v1.Endpoints) errs {
	return each(field.NewPath("subsets"), e.Subsets, func(at path, s *v1.EndpointSubset) errs {
		return slices.Concat(
			when(len(s.Addresses)+len(s.NotReadyAddresses) == 0, field.Required(at, "must specify `addresses` or `notReadyAddresses`")),
			each(at.Child("addresses"), s.Addresses, endpointAddress),
			each(at.Child("notReadyAddresses"), s.NotReadyAddresses, endpointAddress),
			each(at.Child("ports"), s.Ports, func(at path, p *v1.EndpointPort) errs {
				return slices.Concat(
					when(len(s.Ports) > 1 && p.Name == "", field.Required(at.Child("name"), "")),
					mayValid(at.Child("name"), p.Name, label),
					port(at.Child("port"), p.Port),
					protocol(at.Child("protocol"), p.Protocol),
				)
			}),
		)
	})
}

// endpointAddress checks one of those, and the node that it says it is on.
func endpointAddress(at path, a *v1.EndpointAddress) errs {
	node := ""
	if a.NodeName != nil {
		node = *a.NodeName
	}
	return slices.Concat(
		mayValid(at.Child("hostname"), a.Hostname, label),
		mayValid(at.Child("nodeName"), node, subdomain),
		endpointIP(at.Child("ip"), a.IP),
	)
}

// endpointIP asks for an address that traffic may be sent to: those that mean the node itself would let a user reach its services.
func endpointIP(at path, s string) errs {
	if bad := ip(at, s); len(bad) > 0 {
		return bad
	}
	a := netutils.ParseIPSloppy(s)
	refuse := func(no bool, why string) errs { return when(no, field.Invalid(at, s, why)) }
	return slices.Concat(
		refuse(a.IsUnspecified(), "may not be unspecified (0.0.0.0 or ::)"),
		refuse(a.IsLoopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
		refuse(a.IsLinkLocalUnicast(), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
		refuse(a.IsLinkLocalMulticast(), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
	)
}

// How much one slice may hold, so that it stays cheap to send to every node.
const (
	maxSliceEndpoints = 1000
	maxSliceAddresses = 100
	maxSlicePorts     = 20000
)

// validEndpointSlice checks a part of who stands behind a service: addresses of one type, all with the same ports.
func validEndpointSlice(s *discoveryv1.EndpointSlice) errs {
	ports := field.NewPath("ports")
	return slices.Concat(
		oneOf(field.NewPath("addressType"), s.AddressType,
			discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN),
		tooMany(field.NewPath("endpoints"), len(s.Endpoints), maxSliceEndpoints),
		each(field.NewPath("endpoints"), s.Endpoints, func(at path, e *discoveryv1.Endpoint) errs {
			return sliceEndpoint(at, e, s.AddressType)
		}),
		tooMany(ports, len(s.Ports), maxSlicePorts),
		each(ports, s.Ports, slicePort),
		slicePortNames(ports, s.Ports),
	)
}

// sliceEndpoint checks one of those, which may have several addresses.
func sliceEndpoint(at path, e *discoveryv1.Endpoint, t discoveryv1.AddressType) errs {
	addresses := at.Child("addresses")
	var hostname, node string
	if e.Hostname != nil {
		hostname = *e.Hostname
	}
	if e.NodeName != nil {
		node = *e.NodeName
	}
	return slices.Concat(
		when(len(e.Addresses) == 0, field.Required(addresses, "must contain at least 1 address")),
		tooMany(addresses, len(e.Addresses), maxSliceAddresses),
		each(addresses, e.Addresses, func(at path, a *string) errs { return sliceAddress(at, *a, t) }),
		mayValid(at.Child("hostname"), hostname, label),
		mayValid(at.Child("nodeName"), node, subdomain),
	)
}

// sliceAddress asks for an address of the slice's type.
func sliceAddress(at path, a string, t discoveryv1.AddressType) errs {
	switch t {
	case discoveryv1.AddressTypeIPv4:
		if !netutils.IsIPv4String(a) {
			return errs{field.Invalid(at, a, "must be a valid IPv4 address")}
		}
		return endpointIP(at, a)
	case discoveryv1.AddressTypeIPv6:
		if !netutils.IsIPv6String(a) {
			return errs{field.Invalid(at, a, "must be a valid IPv6 address")}
		}
		return endpointIP(at, a)
	case discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(at, a)
	}
	return nil
}

// slicePort checks a port. One without a number means all ports.
func slicePort(at path, p *discoveryv1.EndpointPort) errs {
	var all errs
	if p.Name != nil {
		all = append(all, mayValid(at.Child("name"), *p.Name, label)...)
	}
	if p.Protocol == nil {
		all = append(all, field.Required(at.Child("protocol"), ""))
	} else {
		all = append(all, protocol(at.Child("protocol"), *p.Protocol)...)
	}
	if p.Port != nil {
		all = append(all, port(at.Child("port"), *p.Port)...)
	}
	if p.AppProtocol != nil {
		all = append(all, invalid(at.Child("appProtocol"), *p.AppProtocol, validation.IsQualifiedName(*p.AppProtocol))...)
	}
	return all
}

// slicePortNames asks that names differ, among which no name counts as one.
func slicePortNames(at path, ports []discoveryv1.EndpointPort) errs {
	seen := map[string]bool{}
	return each(at, ports, func(at path, p *discoveryv1.EndpointPort) errs {
		name := ""
		if p.Name != nil {
			name = *p.Name
		}
		twice := seen[name]
		seen[name] = true
		return when(twice, field.Duplicate(at.Child("name"), name))
	})
}

// updateEndpointSlice keeps the type, by which readers choose which slices to read.
func updateEndpointSlice(s, old *discoveryv1.EndpointSlice) errs {
	return unchanged(field.NewPath("addressType"), s.AddressType, old.AddressType)
}
