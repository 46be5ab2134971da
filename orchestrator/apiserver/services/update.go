package services

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// keep gives an updated Service what was assigned to it and its sender has left out, as those do who send again the manifest that
// they created it from.
func keep(svc, was *corev1.Service) {
	is, old := &svc.Spec, &was.Spec
	if hasAddress(svc) && hasAddress(was) {
		if is.ClusterIP == "" {
			is.ClusterIP = old.ClusterIP
		}
		if len(is.ClusterIPs) == 0 && is.ClusterIP == old.ClusterIP {
			is.ClusterIPs = slices.Clone(old.ClusterIPs)
		}
		if is.IPFamilyPolicy == nil && old.IPFamilyPolicy != nil {
			policy := *old.IPFamilyPolicy
			is.IPFamilyPolicy = &policy
		}
	}
	if hasPorts(svc) && hasPorts(was) {
		keepPorts(is.Ports, old.Ports)
	}
	if hasHealthCheck(svc) && hasHealthCheck(was) && is.HealthCheckNodePort == 0 {
		is.HealthCheckNodePort = old.HealthCheckNodePort
	}
}

// keepPorts goes by the ports' names. What a port asks for is not also another's.
func keepPorts(is, old []corev1.ServicePort) {
	had := map[string]int32{}
	for _, p := range old {
		had[p.Name] = p.NodePort
	}
	asked := map[nodePort]bool{}
	for _, p := range is {
		asked[nodePort{p.Protocol, p.NodePort}] = true
	}
	for i := range is {
		p := &is[i]
		if kept := (nodePort{p.Protocol, had[p.Name]}); p.NodePort == 0 && !asked[kept] {
			p.NodePort = kept.port
			asked[kept] = true
		}
	}
}

// nodePort is what can be used once on a node.
type nodePort struct {
	protocol corev1.Protocol
	port     int32
}

// drop takes from an updated Service what the type that it had needed and the new one doesn't, if its sender has left it as it was.
func drop(svc, was *corev1.Service) {
	is, old := &svc.Spec, &was.Spec
	if hasAddress(was) && !hasAddress(svc) {
		if is.ClusterIP == old.ClusterIP && slices.Equal(is.ClusterIPs, old.ClusterIPs) {
			is.ClusterIP, is.ClusterIPs = "", nil
		}
		if slices.Equal(is.IPFamilies, old.IPFamilies) {
			is.IPFamilies = nil
		}
		if equality.Semantic.DeepEqual(is.IPFamilyPolicy, old.IPFamilyPolicy) {
			is.IPFamilyPolicy = nil
		}
	}
	if hasPorts(was) && !hasPorts(svc) && samePorts(is.Ports, old.Ports) {
		for i := range is.Ports {
			is.Ports[i].NodePort = 0
		}
	}
	if hasHealthCheck(was) && !hasHealthCheck(svc) && is.HealthCheckNodePort == old.HealthCheckNodePort {
		is.HealthCheckNodePort = 0
	}
	if was.Spec.Type == corev1.ServiceTypeLoadBalancer && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		if equality.Semantic.DeepEqual(is.AllocateLoadBalancerNodePorts, old.AllocateLoadBalancerNodePorts) {
			is.AllocateLoadBalancerNodePorts = nil
		}
		if equality.Semantic.DeepEqual(is.LoadBalancerClass, old.LoadBalancerClass) {
			is.LoadBalancerClass = nil
		}
	}
	if outside(was) && !outside(svc) && is.ExternalTrafficPolicy == old.ExternalTrafficPolicy {
		is.ExternalTrafficPolicy = ""
	}
}

// samePorts tells that no port is given another node port.
func samePorts(is, old []corev1.ServicePort) bool {
	had := map[int32]bool{}
	for _, p := range old {
		had[p.NodePort] = true
	}
	return !slices.ContainsFunc(is, func(p corev1.ServicePort) bool { return p.NodePort != 0 && !had[p.NodePort] })
}

// outside tells that traffic may come from outside of the cluster.
func outside(svc *corev1.Service) bool {
	return hasPorts(svc) || (svc.Spec.Type == corev1.ServiceTypeClusterIP && len(svc.Spec.ExternalIPs) > 0)
}

// syncAddresses makes clusterIPs follow clusterIP, which is all that older clients know.
func syncAddresses(svc, was *corev1.Service) {
	is, old := &svc.Spec, corev1.ServiceSpec{}
	if was != nil {
		old = was.Spec
	}
	if is.ClusterIP == old.ClusterIP || !slices.Equal(is.ClusterIPs, old.ClusterIPs) {
		if is.ClusterIP != "" && len(is.ClusterIPs) == 0 {
			is.ClusterIPs = []string{is.ClusterIP}
		}
		return
	}
	is.ClusterIPs = nil
	if is.ClusterIP != "" {
		is.ClusterIPs = []string{is.ClusterIP}
	}
}
