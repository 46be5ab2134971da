package noderestriction

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
)

// admitNode lets a kubelet register and update its own node.
func admitNode(name string, a admission.Attributes) error {
	node, hasNode := a.GetObject().(*corev1.Node)
	requested := a.GetName()
	if requested == "" && hasNode {
		requested = node.Name
	}
	if requested != name {
		return fmt.Errorf("node %q is not allowed to modify node %q", name, requested)
	}
	switch a.GetOperation() {
	case admission.Create:
		if !hasNode {
			return fmt.Errorf("unexpected type %T", a.GetObject())
		}
		if node.Spec.ConfigSource != nil {
			return fmt.Errorf("node %q is not allowed to create pods with a non-nil configSource", name)
		}
		if bad := forbidden(changed(node.Labels, nil)); len(bad) > 0 {
			return fmt.Errorf("node %q is not allowed to set the following labels: %s", name, strings.Join(bad, ", "))
		}
	case admission.Update:
		old, ok := a.GetOldObject().(*corev1.Node)
		if !ok || !hasNode {
			return fmt.Errorf("unexpected type %T", a.GetObject())
		}
		return updateNode(name, node, old)
	}
	return nil
}

// updateNode refuses what would draw other pods to the node, or keep them from it.
func updateNode(name string, node, old *corev1.Node) error {
	if s := node.Spec.ConfigSource; s != nil && !equality.Semantic.DeepEqual(s, old.Spec.ConfigSource) {
		return fmt.Errorf("node %q is not allowed to update configSource to a new non-nil configSource", name)
	}
	if !equality.Semantic.DeepEqual(node.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", name)
	}
	if !equality.Semantic.DeepEqual(node.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	}
	if bad := forbidden(changed(node.Labels, old.Labels)); len(bad) > 0 {
		return fmt.Errorf("is not allowed to modify labels: %s", strings.Join(bad, ", "))
	}
	return nil
}

// changed are the labels that were added, removed or given another value.
func changed(is, was map[string]string) sets.Set[string] {
	keys := sets.New[string]()
	for key, value := range is {
		if before, ok := was[key]; !ok || before != value {
			keys.Insert(key)
		}
	}
	for key := range was {
		if _, ok := is[key]; !ok {
			keys.Insert(key)
		}
	}
	return keys
}

// forbidden are those of the labels that are not a kubelet's: the namespace made for that, and all of Kubernetes' own but for
// what a kubelet tells of its machine.
func forbidden(keys sets.Set[string]) (bad []string) {
	for key := range keys {
		namespace, _, ok := strings.Cut(key, "/")
		switch {
		case !ok:
		case within(namespace, corev1.LabelNamespaceNodeRestriction):
			bad = append(bad, key)
		case (within(namespace, "kubernetes.io") || within(namespace, "k8s.io")) && !kubeletMaySet(key, namespace):
			bad = append(bad, key)
		}
	}
	slices.Sort(bad)
	return bad
}

// within tells that a namespace of labels is parent, or below it.
func within(namespace, parent string) bool {
	return namespace == parent || strings.HasSuffix(namespace, "."+parent)
}

// kubeletMaySet tells which of Kubernetes' own labels a kubelet knows best.
func kubeletMaySet(key, namespace string) bool {
	switch key {
	case corev1.LabelHostname, corev1.LabelArchStable, corev1.LabelOSStable, "beta.kubernetes.io/arch", "beta.kubernetes.io/os",
		corev1.LabelInstanceType, corev1.LabelInstanceTypeStable, corev1.LabelTopologyRegion, corev1.LabelTopologyZone,
		corev1.LabelFailureDomainBetaRegion, corev1.LabelFailureDomainBetaZone:
		return true
	}
	return within(namespace, corev1.LabelNamespaceSuffixKubelet) || within(namespace, corev1.LabelNamespaceSuffixNode)
}

// admitClaim lets a kubelet tell how far the resizing of a volume has come.
func admitClaim(node string, a admission.Attributes) error {
	if a.GetSubresource() != "status" {
		return errors.New("may only update PVC status")
	}
	if a.GetOperation() != admission.Update {
		return fmt.Errorf("unexpected operation %q", a.GetOperation())
	}
	was, ok1 := a.GetOldObject().(*corev1.PersistentVolumeClaim)
	is, ok2 := a.GetObject().(*corev1.PersistentVolumeClaim)
	if !ok1 || !ok2 {
		return fmt.Errorf("unexpected type %T", a.GetObject())
	}
	if !equality.Semantic.DeepEqual(withoutProgress(was), withoutProgress(is)) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.capacity and status.conditions", node)
	}
	return nil
}

// withoutProgress is what a kubelet must leave as it is.
func withoutProgress(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	claim = claim.DeepCopy()
	claim.ResourceVersion, claim.ManagedFields = "", nil
	claim.Status.Capacity, claim.Status.Conditions = nil, nil
	claim.Status.AllocatedResources, claim.Status.AllocatedResourceStatuses = nil, nil
	return claim
}
