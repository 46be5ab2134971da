package view

import v1 "k8s.io/api/core/v1"

// anyAddress is where a host port listens that names no address.
const anyAddress = "0.0.0.0"

// Port is a port of the node that a pod takes.
type Port struct {
	Protocol v1.Protocol
	IP       string
	Number   int32
}

// Conflicts tells that two pods can't have p and o on one node: an unnamed address is every address.
func (p Port) Conflicts(o Port) bool {
	return p.Number == o.Number && p.Protocol == o.Protocol && (p.IP == o.IP || p.IP == anyAddress || o.IP == anyAddress)
}

// portsOf lists the host ports of a pod, those of its sidecars too: they run as long as the pod does.
func portsOf(pod *v1.Pod) (ports []Port) {
	of := func(c *v1.Container) {
		for _, p := range c.Ports {
			if p.HostPort <= 0 {
				continue
			}
			port := Port{Protocol: p.Protocol, IP: p.HostIP, Number: p.HostPort}
			if port.Protocol == "" {
				port.Protocol = v1.ProtocolTCP
			}
			if port.IP == "" {
				port.IP = anyAddress
			}
			ports = append(ports, port)
		}
	}
	for i := range pod.Spec.Containers {
		of(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			of(c)
		}
	}
	return ports
}
