package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validNode checks taints and the addresses that pods on a node get.
func validNode(n *v1.Node) errs {
	ranges := specPath.Child("podCIDRs")
	return slices.Concat(
		taints(specPath.Child("taints"), n.Spec.Taints),
		each(ranges, n.Spec.PodCIDRs, func(at path, c *string) errs { return cidr(at, *c) }),
		when(len(n.Spec.PodCIDRs) > 2, field.Invalid(ranges, n.Spec.PodCIDRs, "may specify no more than one CIDR for each IP family")),
	)
}

// nodeMayChange is how any other change is refused. The gate in it has long gone.
const nodeMayChange = "node updates may only change labels, taints, or capacity " +
	"(or configSource, if the DynamicKubeletConfig feature gate is enabled)"

// updateNode lets labels, annotations, taints and whether it is schedulable change. What was learned of a node once, stays.
func updateNode(n, old *v1.Node) errs {
	now, was := n.Spec.DeepCopy(), old.Spec.DeepCopy()
	all := slices.Concat(
		when(len(was.PodCIDRs) > 0 && !equality.Semantic.DeepEqual(now.PodCIDRs, was.PodCIDRs),
			field.Forbidden(specPath.Child("podCIDRs"), `node updates may not change podCIDR except from "" to valid`)),
		when(was.ProviderID != "" && now.ProviderID != was.ProviderID,
			field.Forbidden(specPath.Child("providerID"), `node updates may not change providerID except from "" to valid`)),
	)
	for _, s := range []*v1.NodeSpec{now, was} {
		s.PodCIDR, s.PodCIDRs, s.ProviderID, s.Taints, s.Unschedulable, s.PodPreemptionPolicy = "", nil, "", nil, false, nil
	}
	return append(all, when(!equality.Semantic.DeepEqual(now, was), field.Forbidden(field.NewPath(""), nodeMayChange))...)
}

// updateNodeStatus checks what a kubelet reports.
func updateNodeStatus(n, _ *v1.Node) errs { return newNode(n) }

// newNode checks what a kubelet reports, which it may do in the object that it begins with.
func newNode(n *v1.Node) errs {
	at := statusPath.Child("addresses")
	seen := map[v1.NodeAddress]bool{}
	return slices.Concat(
		each(at, n.Status.Addresses, func(at path, a *v1.NodeAddress) errs {
			twice := seen[*a]
			seen[*a] = true
			return when(twice, field.Duplicate(at, *a))
		}),
		resourceList(statusPath.Child("capacity"), n.Status.Capacity),
		resourceList(statusPath.Child("allocatable"), n.Status.Allocatable),
	)
}
