package dns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// service is all that there is to say about one Service. It does not change any more once it is in the index.
type service struct {
	ips      []netip.Addr                   // of its own name
	hosts    map[string][]netip.Addr        // of the names below it, if it is headless
	ports    map[string]map[string][]target // by protocol, then by name: "_tcp", "_http"
	external string                         // the name that it is another name of
}

// target is where a port of a Service is.
type target struct {
	host string // an endpoint's, below the Service; "" for the Service itself
	port uint16
}

// newService returns what there is to say about a Service, nil if that is nothing: then its name does not exist.
func newService(s *v1.Service, slicesOf []*discoveryv1.EndpointSlice) *service {
	if s.Spec.Type == v1.ServiceTypeExternalName {
		name := dns.CanonicalName(s.Spec.ExternalName)
		if _, ok := dns.IsDomainName(name); !ok || name == "." {
			return nil
		}
		return &service{external: name}
	}
	made := &service{hosts: map[string][]netip.Addr{}, ports: map[string]map[string][]target{}}
	if isHeadless(s) {
		for _, slice := range slicesOf {
			made.addEndpoints(slice)
		}
		for _, host := range slices.Sorted(maps.Keys(made.hosts)) {
			made.ips = append(made.ips, made.hosts[host]...)
		}
		made.ips = distinct(made.ips)
	} else {
		made.ips = addresses(clusterIPs(s))
		for _, p := range s.Spec.Ports {
			made.addPort(p.Name, p.Protocol, target{port: uint16(p.Port)})
		}
	}
	if len(made.ips) == 0 {
		return nil
	}
	return made
}

func isHeadless(s *v1.Service) bool {
	return s.Spec.ClusterIP == v1.ClusterIPNone || slices.Contains(s.Spec.ClusterIPs, v1.ClusterIPNone)
}

func clusterIPs(s *v1.Service) []string {
	if len(s.Spec.ClusterIPs) > 0 {
		return s.Spec.ClusterIPs
	}
	return []string{s.Spec.ClusterIP} // as in objects of tests, and of apiservers before dual-stack
}

// addEndpoints adds the ready endpoints of a slice.
func (made *service) addEndpoints(slice *discoveryv1.EndpointSlice) {
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		if e.Conditions.Ready != nil && !*e.Conditions.Ready {
			continue
		}
		for _, ip := range addresses(e.Addresses) {
			host := dashed(ip)
			if e.Hostname != nil && *e.Hostname != "" {
				host = strings.ToLower(*e.Hostname)
			}
			made.hosts[host] = distinct(append(made.hosts[host], ip))
			for _, p := range slice.Ports {
				if p.Name != nil && p.Port != nil {
					protocol := v1.ProtocolTCP
					if p.Protocol != nil {
						protocol = *p.Protocol
					}
					made.addPort(*p.Name, protocol, target{host: host, port: uint16(*p.Port)})
				}
			}
		}
	}
}

// addPort adds where a named port is. One without a name has no record.
func (made *service) addPort(name string, protocol v1.Protocol, at target) {
	if name == "" {
		return
	}
	if protocol == "" {
		protocol = v1.ProtocolTCP
	}
	proto, port := "_"+strings.ToLower(string(protocol)), "_"+strings.ToLower(name)
	if made.ports[proto] == nil {
		made.ports[proto] = map[string][]target{}
	}
	if !slices.Contains(made.ports[proto][port], at) {
		made.ports[proto][port] = append(made.ports[proto][port], at)
	}
}

// addresses are the texts that are addresses.
func addresses(texts []string) (ips []netip.Addr) {
	for _, t := range texts {
		if ip, err := netip.ParseAddr(t); err == nil && ip.Zone() == "" {
			ips = append(ips, ip.Unmap())
		}
	}
	return distinct(ips)
}

func distinct(ips []netip.Addr) []netip.Addr {
	slices.SortFunc(ips, netip.Addr.Compare)
	return slices.Compact(ips)
}

// pointers are the names, relative to the Service's, that the reverse names of addresses point to.
func (made *service) pointers() map[netip.Addr][]string {
	all := map[netip.Addr][]string{}
	if len(made.hosts) == 0 {
		for _, ip := range made.ips {
			all[ip] = []string{""}
		}
	}
	for host, ips := range made.hosts {
		for _, ip := range ips {
			all[ip] = append(all[ip], host+".")
		}
	}
	return all
}
