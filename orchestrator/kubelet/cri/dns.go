package cri

import (
	"fmt"
	"os"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Limits of the resolver in libc; more is cut off, as upstream does.
const (
	maxNameservers   = 3
	maxSearchDomains = 32
)

// dns is the resolver configuration by a pod's policy.
func (n *Node) dns(pod *v1.Pod) (*runtimeapi.DNSConfig, error) {
	policy := pod.Spec.DNSPolicy
	if policy == v1.DNSClusterFirst && pod.Spec.HostNetwork {
		policy = v1.DNSDefault
	}
	if (policy == v1.DNSClusterFirst || policy == v1.DNSClusterFirstWithHostNet) && len(n.ClusterDNS) == 0 {
		policy = v1.DNSDefault // there is none: the node's own is the best there is
	}
	config := &runtimeapi.DNSConfig{}
	switch policy {
	case v1.DNSNone:
	case v1.DNSClusterFirst, v1.DNSClusterFirstWithHostNet:
		host, err := n.hostDNS()
		if err != nil {
			return nil, err
		}
		config.Servers, config.Options = slices.Clone(n.ClusterDNS), []string{"ndots:5"}
		if n.ClusterDomain != "" {
			config.Searches = []string{pod.Namespace + ".svc." + n.ClusterDomain, "svc." + n.ClusterDomain, n.ClusterDomain}
		}
		config.Searches = append(config.Searches, host.Searches...)
	case v1.DNSDefault, "":
		host, err := n.hostDNS()
		if err != nil {
			return nil, err
		}
		config = host
	default:
		return nil, fmt.Errorf("invalid DNSPolicy %q", policy)
	}
	if more := pod.Spec.DNSConfig; more != nil {
		config.Servers = append(config.Servers, more.Nameservers...)
		config.Searches = append(config.Searches, more.Searches...)
		config.Options = mergeOptions(config.Options, more.Options)
	}
	config.Servers, config.Searches = unique(config.Servers, maxNameservers), unique(config.Searches, maxSearchDomains)
	return config, nil
}

// hostDNS reads the node's resolver file.
func (n *Node) hostDNS() (*runtimeapi.DNSConfig, error) {
	config := &runtimeapi.DNSConfig{}
	if n.ResolvConf == "" {
		return config, nil
	}
	text, err := os.ReadFile(n.ResolvConf)
	if err != nil {
		return nil, fmt.Errorf("resolver configuration: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "nameserver":
			config.Servers = append(config.Servers, words[1:]...)
		case "search", "domain": // the last one counts
			config.Searches = nil
			for _, domain := range words[1:] {
				if domain != "." {
					config.Searches = append(config.Searches, strings.TrimSuffix(domain, "."))
				}
			}
		case "options":
			config.Options = append(config.Options, words[1:]...)
		}
	}
	return config, nil
}

// mergeOptions lets a pod's options take the place of those of the same name.
func mergeOptions(options []string, more []v1.PodDNSConfigOption) []string {
	for _, o := range more {
		options = slices.DeleteFunc(options, func(have string) bool {
			name, _, _ := strings.Cut(have, ":")
			return name == o.Name
		})
		if o.Value != nil {
			options = append(options, o.Name+":"+*o.Value)
		} else {
			options = append(options, o.Name)
		}
	}
	return options
}

func unique(list []string, most int) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) && len(out) < most {
			out = append(out, s)
		}
	}
	return out
}
