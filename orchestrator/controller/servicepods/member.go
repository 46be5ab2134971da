package servicepods

import (
	"fmt"
	"net/netip"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Managed tells that the endpoints of a service are found by its selector. Those of others are written by users.
func Managed(svc *v1.Service) bool {
	return svc.Spec.Type != v1.ServiceTypeExternalName && len(svc.Spec.Selector) > 0
}

// Headless tells that a service has no address of its own.
func Headless(svc *v1.Service) bool { return svc.Spec.ClusterIP == v1.ClusterIPNone }

// Member tells that a pod can have a place among a service's endpoints: it has an address, and has not ended.
func Member(p *v1.Pod) bool {
	return p.Status.Phase != v1.PodSucceeded && p.Status.Phase != v1.PodFailed && (p.Status.PodIP != "" || len(p.Status.PodIPs) > 0)
}

// Hostname is the name under which a service's DNS lists a pod: only pods that name the service as their subdomain have one.
func Hostname(p *v1.Pod, svc *v1.Service) string {
	if p.Spec.Subdomain == svc.Name && p.Namespace == svc.Namespace {
		return p.Spec.Hostname
	}
	return ""
}

// Families are the address families of a service.
func Families(svc *v1.Service) []v1.IPFamily {
	if len(svc.Spec.IPFamilies) > 0 {
		return svc.Spec.IPFamilies
	}
	if ip, err := netip.ParseAddr(svc.Spec.ClusterIP); err == nil && ip.Is6() {
		return []v1.IPFamily{v1.IPv6Protocol}
	}
	return []v1.IPFamily{v1.IPv4Protocol}
}

// Addresses are a pod's addresses of one family.
func Addresses(p *v1.Pod, family v1.IPFamily) []string {
	var found []string
	for _, ip := range p.Status.PodIPs {
		if of(ip.IP, family) {
			found = append(found, ip.IP)
		}
	}
	if len(p.Status.PodIPs) == 0 && of(p.Status.PodIP, family) {
		found = append(found, p.Status.PodIP)
	}
	return found
}

func of(ip string, family v1.IPFamily) bool {
	addr, err := netip.ParseAddr(ip)
	return err == nil && addr.Is6() == (family == v1.IPv6Protocol)
}

// TargetPort is the port of a pod that a service's port leads to. A named one can be another number in every pod.
func TargetPort(p *v1.Pod, sp *v1.ServicePort) (int32, error) {
	if sp.TargetPort.Type == intstr.Int {
		if sp.TargetPort.IntVal == 0 {
			return sp.Port, nil
		}
		return sp.TargetPort.IntVal, nil
	}
	for i := range p.Spec.Containers {
		if n, ok := named(&p.Spec.Containers[i], sp); ok {
			return n, nil
		}
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy == nil || *c.RestartPolicy != v1.ContainerRestartPolicyAlways {
			continue // it has ended when the pod serves
		}
		if n, ok := named(c, sp); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("pod %s/%s has no %s port named %q", p.Namespace, p.Name, protocol(sp.Protocol), sp.TargetPort.StrVal)
}

func named(c *v1.Container, sp *v1.ServicePort) (int32, bool) {
	for i := range c.Ports {
		port := &c.Ports[i]
		if port.Name != "" && port.Name == sp.TargetPort.StrVal && protocol(port.Protocol) == protocol(sp.Protocol) {
			return port.ContainerPort, true
		}
	}
	return 0, false
}

func protocol(p v1.Protocol) v1.Protocol {
	if p == "" {
		return v1.ProtocolTCP
	}
	return p
}
