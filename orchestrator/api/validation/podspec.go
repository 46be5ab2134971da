package validation

import (
	"math"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// place is where a pod's spec stands. A few rules came after templates had been stored that break them, and hold of pods only.
type place int

// A spec is a pod's, or what an object makes pods of.
const (
	inPod place = iota
	inTemplate
)

// podSpec checks all of a pod's spec.
func podSpec(at path, s *v1.PodSpec, in place) errs {
	return slices.Concat(
		volumes(at.Child("volumes"), s.Volumes),
		containers(at, s, in),
		oneOf(at.Child("restartPolicy"), s.RestartPolicy, v1.RestartPolicyAlways, v1.RestartPolicyOnFailure, v1.RestartPolicyNever),
		podNetwork(at, s),
		podSecurity(at.Child("securityContext"), s),
		podScheduling(at, s),
		podDeadline(at.Child("activeDeadlineSeconds"), s.ActiveDeadlineSeconds),
		podReferences(at, s),
		podOS(at.Child("os", "name"), s.OS),
		podResources(at.Child("resources"), s.Resources),
		resourceList(at.Child("overhead"), s.Overhead),
	)
}

// podOS asks for a system that there are kubelets for.
func podOS(at path, os *v1.PodOS) errs {
	switch {
	case os == nil:
		return nil
	case os.Name == "":
		return errs{field.Required(at, "cannot be empty")}
	}
	return maybeOneOf(at, os.Name, v1.Linux, v1.Windows)
}

// podDeadline asks for a positive number; it is kept in 32 bits at places.
func podDeadline(at path, seconds *int64) errs {
	if seconds == nil {
		return nil
	}
	return between(at, *seconds, 1, math.MaxInt32)
}

// podReferences checks the names of other objects.
func podReferences(at path, s *v1.PodSpec) errs {
	var runtimeClass string
	if s.RuntimeClassName != nil {
		runtimeClass = *s.RuntimeClassName
	}
	return slices.Concat(
		mayValid(at.Child("serviceAccountName"), s.ServiceAccountName, subdomain),
		mayValid(at.Child("nodeName"), s.NodeName, subdomain),
		mayValid(at.Child("priorityClassName"), s.PriorityClassName, subdomain),
		mayValid(at.Child("runtimeClassName"), runtimeClass, subdomain),
		each(at.Child("readinessGates"), s.ReadinessGates, func(at path, g *v1.PodReadinessGate) errs {
			return qualified(at.Child("conditionType"), string(g.ConditionType))
		}),
	)
}

// podNetwork checks what a pod is called, and how it finds others.
func podNetwork(at path, s *v1.PodSpec) errs {
	return slices.Concat(
		mayValid(at.Child("hostname"), s.Hostname, label),
		mayValid(at.Child("subdomain"), s.Subdomain, label),
		dns(at, s),
		each(at.Child("hostAliases"), s.HostAliases, hostAlias),
		hostPorts(at, s),
		when(s.SetHostnameAsFQDN != nil && *s.SetHostnameAsFQDN && s.HostnameOverride != nil,
			field.Forbidden(at.Child("hostnameOverride"), "when using hostnameOverride, setHostnameAsFQDN must not be true")),
	)
}

// hostAlias checks a line of a container's hosts file.
func hostAlias(at path, a *v1.HostAlias) errs {
	return slices.Concat(
		ip(at.Child("ip"), a.IP),
		each(at.Child("hostnames"), a.Hostnames, func(_ path, name *string) errs {
			return invalid(at.Child("hostnames"), *name, subdomain(*name))
		}),
	)
}

// How much fits in a resolv.conf that all C libraries read.
const (
	maxNameservers   = 3
	maxSearches      = 32
	maxSearchesChars = 2048
)

// dns checks whom a pod asks for names. Where the policy asks nobody, the pod says whom.
func dns(at path, s *v1.PodSpec) errs {
	config := at.Child("dnsConfig")
	all := oneOf(at.Child("dnsPolicy"), s.DNSPolicy, v1.DNSClusterFirstWithHostNet, v1.DNSClusterFirst, v1.DNSDefault, v1.DNSNone)
	if s.DNSPolicy == v1.DNSNone {
		if s.DNSConfig == nil {
			return append(all, field.Required(config, "must provide `dnsConfig` when `dnsPolicy` is None"))
		}
		all = append(all, when(len(s.DNSConfig.Nameservers) == 0, field.Required(config.Child("nameservers"),
			"must provide at least one DNS nameserver when `dnsPolicy` is None"))...)
	}
	if s.DNSConfig == nil {
		return all
	}
	c := s.DNSConfig
	return slices.Concat(all,
		when(len(c.Nameservers) > maxNameservers,
			field.Invalid(config.Child("nameservers"), c.Nameservers, "must not have more than 3 nameservers")),
		each(config.Child("nameservers"), c.Nameservers, func(at path, s *string) errs { return ip(at, *s) }),
		when(len(c.Searches) > maxSearches,
			field.Invalid(config.Child("searches"), c.Searches, "must not have more than 32 search paths")),
		when(len(strings.Join(c.Searches, " ")) > maxSearchesChars, field.Invalid(config.Child("searches"), c.Searches,
			"must not have more than 2048 characters (including spaces) in the search list")),
		each(config.Child("searches"), c.Searches, func(at path, s *string) errs {
			if *s == "." {
				return nil
			}
			return invalid(at, *s, subdomain(strings.TrimSuffix(*s, ".")))
		}),
		each(config.Child("options"), c.Options, func(at path, o *v1.PodDNSConfigOption) errs {
			return when(o.Name == "", field.Required(at, "must not be empty"))
		}),
	)
}

// annotations checks the keys and the size of annotations.
func annotations(at path, a map[string]string) errs { return apivalidation.ValidateAnnotations(a, at) }

// nodeLabels checks a selector of nodes that has labels only.
func nodeLabels(at path, l map[string]string) errs { return metavalidation.ValidateLabels(l, at) }
