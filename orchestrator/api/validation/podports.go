package validation

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containerPorts checks the ports that a container declares; services find them by name.
func containerPorts(at path, ports []v1.ContainerPort) errs {
	return slices.Concat(
		each(at, ports, containerPort),
		unique(at, ports, "name", func(p *v1.ContainerPort) string { return p.Name }),
	)
}

// containerPort checks one of those. The node's port is optional.
func containerPort(at path, p *v1.ContainerPort) errs {
	all := slices.Concat(
		mayValid(at.Child("name"), p.Name, validation.IsValidPortName),
		protocol(at.Child("protocol"), p.Protocol),
	)
	if p.ContainerPort == 0 {
		all = append(all, field.Required(at.Child("containerPort"), ""))
	} else {
		all = append(all, port(at.Child("containerPort"), p.ContainerPort)...)
	}
	if p.HostPort != 0 {
		all = append(all, port(at.Child("hostPort"), p.HostPort)...)
	}
	if p.HostIP != "" {
		all = append(all, ip(at.Child("hostIP"), p.HostIP)...)
	}
	return all
}

// protocol asks for one that the network carries.
func protocol(at path, p v1.Protocol) errs {
	return oneOf(at, p, v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP)
}

// hostPorts checks the ports of the node that a pod's containers take: each once, and with the host's network it is the port itself.
// Defaulting says so in pods; a template may leave it out.
func hostPorts(at path, s *v1.PodSpec) errs {
	return slices.Concat(
		hostPortsOf(at.Child("containers"), s.Containers, s.HostNetwork),
		hostPortsOf(at.Child("initContainers"), s.InitContainers, s.HostNetwork),
	)
}

// hostPortsOf checks containers that run at the same time.
func hostPortsOf(at path, containers []v1.Container, hostNetwork bool) errs {
	taken := map[string]bool{}
	return each(at, containers, func(at path, c *v1.Container) errs {
		return each(at.Child("ports"), c.Ports, func(at path, p *v1.ContainerPort) errs {
			if hostNetwork && p.HostPort != 0 && p.HostPort != p.ContainerPort {
				return errs{field.Invalid(at.Child("containerPort"), p.ContainerPort, "must match `hostPort` when `hostNetwork` is true")}
			}
			if p.HostPort == 0 {
				return nil
			}
			key := fmt.Sprintf("%s/%s/%d", p.Protocol, p.HostIP, p.HostPort)
			if taken[key] {
				return errs{field.Duplicate(at.Child("hostPort"), key)}
			}
			taken[key] = true
			return nil
		})
	})
}
