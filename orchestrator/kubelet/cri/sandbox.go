package cri

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maxHostname is how long the kernel lets a host name be, less one.
const maxHostname = 63

// Sandbox is the configuration of a pod's sandbox.
func (n *Node) Sandbox(pod *v1.Pod, attempt uint32, cgroupParent string) (*runtimeapi.PodSandboxConfig, error) {
	if err := refuse(pod); err != nil {
		return nil, err
	}
	dns, err := n.dns(pod)
	if err != nil {
		return nil, err
	}
	config := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: attempt},
		LogDirectory: n.LogDir(pod), DnsConfig: dns, Labels: sandboxLabels(pod), Annotations: pod.Annotations,
		Linux: &runtimeapi.LinuxPodSandboxConfig{CgroupParent: cgroupParent},
	}
	if !pod.Spec.HostNetwork {
		if config.Hostname, err = n.Hostname(pod); err != nil {
			return nil, err
		}
	}
	for _, c := range append(append([]v1.Container(nil), pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, p := range c.Ports {
			if p.HostPort == 0 || pod.Spec.HostNetwork {
				continue
			}
			protocol, known := runtimeapi.Protocol_value[string(cmp.Or(p.Protocol, v1.ProtocolTCP))]
			if !known {
				return nil, fmt.Errorf("container %s: unknown protocol %q", c.Name, p.Protocol)
			}
			config.PortMappings = append(config.PortMappings, &runtimeapi.PortMapping{
				Protocol: runtimeapi.Protocol(protocol), ContainerPort: p.ContainerPort, HostPort: p.HostPort, HostIp: p.HostIP,
			})
		}
	}
	config.Linux.SecurityContext, config.Linux.Sysctls = n.sandboxSecurity(pod)
	return config, nil
}

// LogDir is the folder of a pod's logs.
func (n *Node) LogDir(pod *v1.Pod) string {
	return filepath.Join(n.LogsDir, pod.Namespace+"_"+pod.Name+"_"+string(pod.UID))
}

// Hostname is what a pod's containers see as the host's name.
func (n *Node) Hostname(pod *v1.Pod) (string, error) {
	if o := pod.Spec.HostnameOverride; o != nil {
		return *o, nil
	}
	if pod.Spec.HostNetwork {
		return n.Name, nil
	}
	name := cmp.Or(pod.Spec.Hostname, pod.Name)
	if len(name) > maxHostname {
		name = strings.TrimRight(name[:maxHostname], "-.")
	}
	if domain := n.Domain(pod); domain != "" && pod.Spec.SetHostnameAsFQDN != nil && *pod.Spec.SetHostnameAsFQDN {
		full := name + "." + domain
		if len(full) > maxHostname+1 {
			return "", fmt.Errorf("failed to construct FQDN from pod hostname and cluster domain, FQDN %s is too long (64 characters is the max, %d characters requested)", full, len(full))
		}
		return full, nil
	}
	return name, nil
}

// Domain is the domain that a pod's subdomain makes, or "".
func (n *Node) Domain(pod *v1.Pod) string {
	if pod.Spec.Subdomain == "" {
		return ""
	}
	return strings.Join([]string{pod.Spec.Subdomain, pod.Namespace, "svc", n.ClusterDomain}, ".")
}

// refuse says what of a pod no runtime here is asked for.
func refuse(pod *v1.Pod) error {
	if class := pod.Spec.RuntimeClassName; class != nil && *class != "" {
		return fmt.Errorf("RuntimeClass %q: runtime classes aren't supported", *class)
	}
	if pod.Spec.HostUsers != nil && !*pod.Spec.HostUsers {
		return fmt.Errorf("hostUsers: false: user namespaces aren't supported")
	}
	if pod.Spec.OS != nil && pod.Spec.OS.Name != v1.Linux {
		return fmt.Errorf("os %q: only linux is supported", pod.Spec.OS.Name)
	}
	return nil
}
