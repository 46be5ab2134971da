package validation

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// kubeletPort is never to be had from outside.
const kubeletPort = 10250

// validService checks which pods are meant, by which ports and addresses they are reached, and from where.
func validService(svc *v1.Service) errs {
	s := &svc.Spec
	return slices.Concat(
		servicePorts(specPath.Child("ports"), s),
		serviceType(specPath, s),
		metavalidation.ValidateLabels(s.Selector, specPath.Child("selector")),
		sessionAffinity(specPath, s),
		serviceIPs(specPath, s),
		each(specPath.Child("externalIPs"), s.ExternalIPs, func(at path, a *string) errs { return endpointIP(at, *a) }),
		trafficPolicies(specPath, s),
		loadBalancer(specPath, s),
	)
}

// headless tells a service that is a name for its pods and nothing else.
func headless(s *v1.ServiceSpec) bool { return s.ClusterIP == v1.ClusterIPNone }

// servicePorts asks for ports that differ. Who has no address of its own needs none.
func servicePorts(at path, s *v1.ServiceSpec) errs {
	all := when(len(s.Ports) == 0 && !headless(s) && s.Type != v1.ServiceTypeExternalName, field.Required(at, ""))
	all = append(all, each(at, s.Ports, func(at path, p *v1.ServicePort) errs {
		return servicePort(at, p, s, len(s.Ports) > 1)
	})...)
	all = append(all, unique(at, s.Ports, "name", func(p *v1.ServicePort) string { return p.Name })...)

	ports, nodePorts := map[string]bool{}, map[string]bool{}
	return append(all, each(at, s.Ports, func(at path, p *v1.ServicePort) errs {
		key, nodeKey := fmt.Sprintf("%s/%d", p.Protocol, p.Port), fmt.Sprintf("%s/%d", p.Protocol, p.NodePort)
		twice, nodeTwice := ports[key], p.NodePort != 0 && nodePorts[nodeKey]
		ports[key], nodePorts[nodeKey] = true, true
		return slices.Concat(
			when(twice, field.Duplicate(at, v1.ServicePort{Protocol: p.Protocol, Port: p.Port})),
			when(nodeTwice, field.Duplicate(at.Child("nodePort"), p.NodePort)),
		)
	})...)
}

// servicePort checks one of those; with several each has a name.
func servicePort(at path, p *v1.ServicePort, s *v1.ServiceSpec, named bool) errs {
	appProtocol := ""
	if p.AppProtocol != nil {
		appProtocol = *p.AppProtocol
	}
	return slices.Concat(
		when(named && p.Name == "", field.Required(at.Child("name"), "")),
		mayValid(at.Child("name"), p.Name, label),
		port(at.Child("port"), p.Port),
		protocol(at.Child("protocol"), p.Protocol),
		portOrName(at.Child("targetPort"), p.TargetPort),
		mayValid(at.Child("appProtocol"), appProtocol, validation.IsQualifiedName),
		when(p.NodePort != 0 && (s.Type == v1.ServiceTypeClusterIP || s.Type == ""),
			field.Forbidden(at.Child("nodePort"), "may not be used when `type` is 'ClusterIP'")),
		when(p.Port == kubeletPort && s.Type == v1.ServiceTypeLoadBalancer,
			field.Invalid(at, p.Port, fmt.Sprintf("may not expose port %v externally since it is used by kubelet", kubeletPort))),
	)
}

// serviceType checks what depends on how a service is reached: an alias has nothing but a name.
func serviceType(at path, s *v1.ServiceSpec) errs {
	all := oneOf(at.Child("type"), s.Type,
		v1.ServiceTypeClusterIP, v1.ServiceTypeNodePort, v1.ServiceTypeLoadBalancer, v1.ServiceTypeExternalName)
	ips := at.Child("clusterIPs")
	switch s.Type {
	case v1.ServiceTypeLoadBalancer, v1.ServiceTypeNodePort:
		return append(all, when(headless(s), field.Invalid(ips.Index(0), v1.ClusterIPNone,
			fmt.Sprintf("may not be set to 'None' for %s services", s.Type)))...)
	case v1.ServiceTypeExternalName:
		if len(s.ClusterIPs) > 0 || s.ClusterIP != "" {
			all = append(all, field.Forbidden(ips, "may not be set for ExternalName services"))
		}
		if len(s.IPFamilies) > 0 {
			all = append(all, field.Forbidden(at.Child("ipFamilies"), "may not be set for ExternalName services"))
		}
		if s.IPFamilyPolicy != nil {
			all = append(all, field.Forbidden(at.Child("ipFamilyPolicy"), "may not be set for ExternalName services"))
		}
		return append(all, needValid(at.Child("externalName"), strings.TrimSuffix(s.ExternalName, "."), subdomain)...)
	}
	return all
}

// maxAffinity is a day: kernels forget later anyway.
const maxAffinity = 86400

// sessionAffinity checks whether, and for how long, a client stays with one pod.
func sessionAffinity(at path, s *v1.ServiceSpec) errs {
	all := oneOf(at.Child("sessionAffinity"), s.SessionAffinity, v1.ServiceAffinityClientIP, v1.ServiceAffinityNone)
	at = at.Child("sessionAffinityConfig")
	c := s.SessionAffinityConfig
	switch s.SessionAffinity {
	case v1.ServiceAffinityNone:
		return append(all, when(c != nil,
			field.Forbidden(at, "must not be set when session affinity is None"))...)
	case v1.ServiceAffinityClientIP:
		switch {
		case c == nil:
			return append(all, field.Required(at, "when session affinity type is ClientIP"))
		case c.ClientIP == nil:
			return append(all, field.Required(at.Child("clientIP"), "when session affinity type is ClientIP"))
		case c.ClientIP.TimeoutSeconds == nil:
			return append(all, field.Required(at.Child("clientIP", "timeoutSeconds"), "when session affinity type is ClientIP"))
		}
		n := *c.ClientIP.TimeoutSeconds
		return append(all, when(n <= 0 || n > maxAffinity, field.Invalid(at.Child("clientIP", "timeoutSeconds"), n,
			fmt.Sprintf("must be greater than 0 and less than %d", maxAffinity)))...)
	}
	return all
}

// external tells that clients outside the cluster may reach a service.
func external(s *v1.ServiceSpec) bool {
	return s.Type == v1.ServiceTypeNodePort || s.Type == v1.ServiceTypeLoadBalancer ||
		s.Type == v1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0
}

// trafficPolicies checks which pods get traffic, from outside and from inside.
func trafficPolicies(at path, s *v1.ServiceSpec) errs {
	ext := at.Child("externalTrafficPolicy")
	var all errs
	if external(s) {
		all = oneOf(ext, s.ExternalTrafficPolicy, v1.ServiceExternalTrafficPolicyCluster, v1.ServiceExternalTrafficPolicyLocal)
	} else if s.ExternalTrafficPolicy != "" {
		all = errs{field.Invalid(ext, s.ExternalTrafficPolicy, "may only be set for externally-accessible services")}
	}
	health := at.Child("healthCheckNodePort")
	local := s.Type == v1.ServiceTypeLoadBalancer && s.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal
	if s.HealthCheckNodePort != 0 {
		all = append(all, port(health, s.HealthCheckNodePort)...)
		all = append(all, when(!local, field.Invalid(health, s.HealthCheckNodePort,
			"may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))...)
	}
	if s.TrafficDistribution != nil {
		all = append(all, oneOf(at.Child("trafficDistribution"), *s.TrafficDistribution, v1.ServiceTrafficDistributionPreferClose,
			v1.ServiceTrafficDistributionPreferSameZone, v1.ServiceTrafficDistributionPreferSameNode)...)
	}
	in := at.Child("internalTrafficPolicy")
	if s.InternalTrafficPolicy == nil {
		return append(all, when(s.Type != v1.ServiceTypeExternalName && s.Type != "", field.Required(in, ""))...)
	}
	return append(all, oneOf(in, *s.InternalTrafficPolicy,
		v1.ServiceInternalTrafficPolicyCluster, v1.ServiceInternalTrafficPolicyLocal)...)
}

// loadBalancer checks what only services with a load balancer may say.
func loadBalancer(at path, s *v1.ServiceSpec) errs {
	if s.Type == v1.ServiceTypeLoadBalancer {
		class := ""
		if s.LoadBalancerClass != nil {
			class = *s.LoadBalancerClass
		}
		return slices.Concat(
			when(s.AllocateLoadBalancerNodePorts == nil, field.Required(at.Child("allocateLoadBalancerNodePorts"), "")),
			each(at.Child("loadBalancerSourceRanges"), s.LoadBalancerSourceRanges, func(at path, r *string) errs {
				return cidr(at, strings.TrimSpace(*r))
			}),
			mayValid(at.Child("loadBalancerClass"), class, validation.IsQualifiedName),
		)
	}
	const why = "may only be used when `type` is 'LoadBalancer'"
	return slices.Concat(
		when(s.AllocateLoadBalancerNodePorts != nil, field.Forbidden(at.Child("allocateLoadBalancerNodePorts"), why)),
		when(len(s.LoadBalancerSourceRanges) > 0, field.Forbidden(at.Child("loadBalancerSourceRanges"), why)),
		when(s.LoadBalancerClass != nil, field.Forbidden(at.Child("loadBalancerClass"), why)),
	)
}
