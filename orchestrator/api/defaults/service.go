package defaults

import (
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// service defaults what a Service says of itself. Its addresses, node ports and IP families are allocated later.
func service(s *v1.Service) {
	set(&s.Spec.Type, v1.ServiceTypeClusterIP)
	sessionAffinity(&s.Spec)
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		set(&p.Protocol, v1.ProtocolTCP)
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
	if s.Spec.Type != v1.ServiceTypeExternalName {
		point(&s.Spec.InternalTrafficPolicy, v1.ServiceInternalTrafficPolicyCluster)
	}
	if reachableFromOutside(&s.Spec) {
		set(&s.Spec.ExternalTrafficPolicy, v1.ServiceExternalTrafficPolicyCluster)
	}
	if s.Spec.Type == v1.ServiceTypeLoadBalancer {
		point(&s.Spec.AllocateLoadBalancerNodePorts, true)
		for i := range s.Status.LoadBalancer.Ingress {
			if in := &s.Status.LoadBalancer.Ingress[i]; in.IP != "" {
				point(&in.IPMode, v1.LoadBalancerIPModeVIP)
			}
		}
	}
}

// sessionAffinity gives a timeout to affinity by client address, and takes it from a Service that has no affinity.
func sessionAffinity(s *v1.ServiceSpec) {
	set(&s.SessionAffinity, v1.ServiceAffinityNone)
	switch s.SessionAffinity {
	case v1.ServiceAffinityNone:
		s.SessionAffinityConfig = nil
	case v1.ServiceAffinityClientIP:
		point(&s.SessionAffinityConfig, v1.SessionAffinityConfig{})
		point(&s.SessionAffinityConfig.ClientIP, v1.ClientIPConfig{})
		point(&s.SessionAffinityConfig.ClientIP.TimeoutSeconds, v1.DefaultClientIPServiceAffinitySeconds)
	}
}

// reachableFromOutside tells that traffic may come from outside the cluster.
func reachableFromOutside(s *v1.ServiceSpec) bool {
	return s.Type == v1.ServiceTypeLoadBalancer || s.Type == v1.ServiceTypeNodePort ||
		(s.Type == v1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0)
}

// endpoints may leave the protocol out, as Services may.
func endpoints(e *v1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			set(&e.Subsets[i].Ports[j].Protocol, v1.ProtocolTCP)
		}
	}
}

// endpointSlice gives ports a name, the empty one: controllers compare them by name.
func endpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		point(&s.Ports[i].Name, "")
		point(&s.Ports[i].Protocol, v1.ProtocolTCP)
	}
}
