package tables

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// services are Services and what is behind them.
func services() []printer {
	spec, slice := v1.ServiceSpec{}.SwaggerDoc(), discoveryv1.EndpointSlice{}.SwaggerDoc()
	return []printer{
		printerOf(columns{
			nameColumn(),
			col("Type", text, spec["type"]),
			col("Cluster-IP", text, spec["clusterIP"]),
			col("External-IP", text, spec["externalIPs"]),
			col("Port(s)", text, spec["ports"]),
			ageColumn(),
			wide("Selector", spec["selector"]),
		}, func(s *v1.Service, at now) []any {
			return []any{
				s.Name, string(s.Spec.Type), clusterIP(s), or(externalIP(s), none), or(servicePorts(s.Spec.Ports), none), at.age(s),
				labels.FormatLabels(s.Spec.Selector),
			}
		}),
		printerOf(columns{
			nameColumn(),
			col("Endpoints", text, v1.Endpoints{}.SwaggerDoc()["subsets"]),
			ageColumn(),
		}, func(e *v1.Endpoints, at now) []any {
			return []any{e.Name, endpointAddresses(e), at.age(e)}
		}),
		printerOf(columns{
			nameColumn(),
			col("AddressType", text, slice["addressType"]),
			col("Ports", text, slice["ports"]),
			col("Endpoints", text, slice["endpoints"]),
			ageColumn(),
		}, func(s *discoveryv1.EndpointSlice, at now) []any {
			return []any{s.Name, string(s.AddressType), or(slicePorts(s), unset), or(sliceAddresses(s), unset), at.age(s)}
		}),
	}
}

// clusterIP is the first of a Service's addresses, or None.
func clusterIP(s *v1.Service) string {
	if len(s.Spec.ClusterIPs) > 0 {
		return s.Spec.ClusterIPs[0]
	}
	return or(s.Spec.ClusterIP, none)
}

// externalIP is where a Service is reached from outside. A load balancer's address may be yet to come.
func externalIP(s *v1.Service) string {
	switch s.Spec.Type {
	case v1.ServiceTypeClusterIP, v1.ServiceTypeNodePort:
		return strings.Join(s.Spec.ExternalIPs, ",")
	case v1.ServiceTypeLoadBalancer:
		var ips []string
		for _, in := range s.Status.LoadBalancer.Ingress {
			ips = append(ips, or(in.IP, in.Hostname))
		}
		return or(strings.Join(append(sorted(ips), s.Spec.ExternalIPs...), ","), "<pending>")
	case v1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	default:
		return unknown
	}
}

// sorted returns a list in order, each of its words once, and none that is empty.
func sorted(list []string) []string {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
}

// servicePorts are "port/protocol", or "port:nodePort/protocol".
func servicePorts(ports []v1.ServicePort) string {
	all := make([]string, len(ports))
	for i, p := range ports {
		all[i] = fmt.Sprintf("%d/%s", p.Port, p.Protocol)
		if p.NodePort != 0 {
			all[i] = fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol)
		}
	}
	return strings.Join(all, ",")
}

// endpointAddresses are the ready ones. Headless Services may have none of the ports.
func endpointAddresses(e *v1.Endpoints) string {
	if len(e.Subsets) == 0 {
		return none
	}
	var all []string
	for _, s := range e.Subsets {
		if len(s.Ports) == 0 {
			for _, a := range s.Addresses {
				all = append(all, a.IP)
			}
		}
		for _, p := range s.Ports {
			for _, a := range s.Addresses {
				all = append(all, net.JoinHostPort(a.IP, strconv.Itoa(int(p.Port))))
			}
		}
	}
	return firstThree(all)
}

// slicePorts are numbers, where there are, else names.
func slicePorts(s *discoveryv1.EndpointSlice) string {
	var all []string
	for _, p := range s.Ports {
		switch {
		case p.Port != nil:
			all = append(all, strconv.Itoa(int(*p.Port)))
		case p.Name != nil:
			all = append(all, *p.Name)
		default:
			all = append(all, "*") // any port
		}
	}
	return firstThree(all)
}

// sliceAddresses are all addresses, ready or not.
func sliceAddresses(s *discoveryv1.EndpointSlice) string {
	var all []string
	for _, e := range s.Endpoints {
		all = append(all, e.Addresses...)
	}
	return firstThree(all)
}
