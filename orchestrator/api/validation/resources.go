package validation

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containerResources checks what a container asks for and what it may use at most.
func containerResources(at path, r *v1.ResourceRequirements, s *v1.PodSpec) errs {
	claims := map[string]bool{}
	for i := range s.ResourceClaims {
		claims[s.ResourceClaims[i].Name] = true
	}
	return slices.Concat(
		requirements(at, r, containerResource),
		each(at.Child("claims"), r.Claims, func(at path, c *v1.ResourceClaim) errs {
			if c.Name == "" {
				return need(at.Child("name"), "")
			}
			return when(!claims[c.Name], field.NotFound(at.Child("name"), c.Name))
		}),
		unique(at.Child("claims"), r.Claims, "name", func(c *v1.ResourceClaim) string { return c.Name }),
	)
}

// podResources checks what a pod asks for as a whole, which can only be what its containers share.
func podResources(at path, r *v1.ResourceRequirements) errs {
	if r == nil {
		return nil
	}
	return slices.Concat(
		requirements(at, r, func(at path, name v1.ResourceName) errs {
			if name == v1.ResourceCPU || name == v1.ResourceMemory || strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
				return nil
			}
			return errs{field.NotSupported(at, name, []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory, v1.ResourceHugePagesPrefix})}
		}),
		when(len(r.Claims) > 0, field.Forbidden(at.Child("claims"), "claims are not supported for Resources at pod-level")),
	)
}

// requirements checks requests and limits, their names by a function, and that none is asked for that is above its limit.
func requirements(at path, r *v1.ResourceRequirements, name func(path, v1.ResourceName) errs) errs {
	limits, requests := at.Child("limits"), at.Child("requests")
	var all errs
	for _, n := range ordered(r.Limits) {
		at := limits.Key(string(n))
		all = slices.Concat(all, name(at, n), quantity(at, n, r.Limits[n]))
	}
	for _, n := range ordered(r.Requests) {
		at, asked := requests.Key(string(n)), r.Requests[n]
		all = slices.Concat(all, name(at, n), quantity(at, n, asked))
		limit, limited := r.Limits[n]
		switch {
		case !limited && !overcommits(n):
			all = append(all, field.Required(limits, "Limit must be set for non overcommitable resources"))
		case limited && asked.Cmp(limit) != 0 && !overcommits(n):
			all = append(all, field.Invalid(requests, asked.String(),
				fmt.Sprintf("must be equal to %s limit of %s", n, limit.String())))
		case limited && asked.Cmp(limit) > 0:
			all = append(all, field.Invalid(requests, asked.String(),
				fmt.Sprintf("must be less than or equal to %s limit of %s", n, limit.String())))
		}
	}
	return append(all, hugePages(at, r)...)
}

// hugePages refuses a container that asks for huge pages and nothing else: it could not even start.
func hugePages(at path, r *v1.ResourceRequirements) errs {
	has := func(is func(v1.ResourceName) bool) bool {
		return slices.ContainsFunc(slices.Concat(ordered(r.Limits), ordered(r.Requests)), is)
	}
	huge := has(func(n v1.ResourceName) bool { return strings.HasPrefix(string(n), v1.ResourceHugePagesPrefix) })
	other := has(func(n v1.ResourceName) bool { return n == v1.ResourceCPU || n == v1.ResourceMemory })
	return when(huge && !other, field.Forbidden(at, "HugePages require cpu or memory"))
}

// resourceList checks amounts of resources that a node has or a pod costs.
func resourceList(at path, l v1.ResourceList) errs {
	var all errs
	for _, n := range ordered(l) {
		at := at.Key(string(n))
		all = slices.Concat(all, resourceName(at, n), quantity(at, n, l[n]))
	}
	return all
}

// quantity asks for zero or more, and whole ones of what cannot be divided.
func quantity(at path, n v1.ResourceName, q resource.Quantity) errs {
	all := notNegativeQuantity(at, q)
	if whole(n) && q.MilliValue()%1000 != 0 {
		all = append(all, field.Invalid(at, q.String(), "must be an integer"))
	}
	return all
}

// notNegativeQuantity asks for zero or more.
func notNegativeQuantity(at path, q resource.Quantity) errs {
	return when(q.Sign() < 0, field.Invalid(at, q.String(), apivalidation.IsNegativeErrorMsg))
}

// positiveQuantity asks for more than zero.
func positiveQuantity(at path, q resource.Quantity) errs {
	return when(q.Sign() <= 0, field.Invalid(at, q.String(), "must be greater than zero"))
}

// standardResources are the names without a domain that mean something, somewhere.
var standardResources = []v1.ResourceName{
	v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage, v1.ResourceStorage,
	v1.ResourceRequestsCPU, v1.ResourceRequestsMemory, v1.ResourceRequestsEphemeralStorage, v1.ResourceRequestsStorage,
	v1.ResourceLimitsCPU, v1.ResourceLimitsMemory, v1.ResourceLimitsEphemeralStorage,
	v1.ResourcePods, v1.ResourceQuotas, v1.ResourceServices, v1.ResourceReplicationControllers, v1.ResourceSecrets,
	v1.ResourceConfigMaps, v1.ResourcePersistentVolumeClaims, v1.ResourceServicesNodePorts, v1.ResourceServicesLoadBalancers,
}

// countable are the resources that come in ones: objects, which quotas count.
var countable = standardResources[11:]

// resourceName asks for a qualified name; without a domain it must be one that is known.
func resourceName(at path, n v1.ResourceName) errs {
	if all := invalid(at, n, validation.IsQualifiedName(string(n))); len(all) > 0 {
		return all
	}
	known := strings.Contains(string(n), "/") || slices.Contains(standardResources, n) || prefixed(n)
	return when(!known, field.Invalid(at, n, "must be a standard resource type or fully qualified"))
}

// containerResource asks for a resource that a container can use.
func containerResource(at path, n v1.ResourceName) errs {
	all := resourceName(at, n)
	if strings.Contains(string(n), "/") {
		return append(all, when(!native(n) && !extended(n), field.Invalid(at, n, "doesn't follow extended resource name standard"))...)
	}
	usable := n == v1.ResourceCPU || n == v1.ResourceMemory || n == v1.ResourceEphemeralStorage ||
		strings.HasPrefix(string(n), v1.ResourceHugePagesPrefix)
	return append(all, when(!usable, field.Invalid(at, n, "must be a standard resource for containers"))...)
}

// prefixed tells the names that go on with a size of page.
func prefixed(n v1.ResourceName) bool {
	return strings.HasPrefix(strings.TrimPrefix(string(n), v1.DefaultResourceRequestsPrefix), v1.ResourceHugePagesPrefix)
}

// native resources are Kubernetes' own.
func native(n v1.ResourceName) bool {
	return !strings.Contains(string(n), "/") || strings.Contains(string(n), v1.ResourceDefaultNamespacePrefix)
}

// extended resources are those that a device plugin or an administrator adds. A quota must be able to put "requests." before them.
func extended(n v1.ResourceName) bool {
	return !native(n) && !strings.HasPrefix(string(n), v1.DefaultResourceRequestsPrefix) &&
		len(validation.IsQualifiedName(v1.DefaultResourceRequestsPrefix+string(n))) == 0
}

// overcommits tells that more may be allowed of a resource than there is.
func overcommits(n v1.ResourceName) bool {
	return native(n) && !strings.HasPrefix(string(n), v1.ResourceHugePagesPrefix)
}

// whole tells that there are no halves of a resource.
func whole(n v1.ResourceName) bool { return slices.Contains(countable, n) || extended(n) }

// resizePolicy checks whether a container survives that it is given more or less.
func resizePolicy(at path, p *v1.ContainerResizePolicy) errs {
	return slices.Concat(
		oneOf(at.Child("resourceName"), p.ResourceName, v1.ResourceCPU, v1.ResourceMemory),
		oneOf(at.Child("restartPolicy"), p.RestartPolicy, v1.NotRequired, v1.RestartContainer),
	)
}
