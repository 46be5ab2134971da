// Package change names what can happen in a cluster that may help a pod that had no place. A filter says which of these could
// turn its refusal into a yes; the queue wakes a pod when one of those happens and leaves it alone otherwise.
package change

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Set is a set of kinds of change.
type Set uint32

// The kinds of change.
const (
	// NodeAdded is a new node, or one whose name is known again.
	NodeAdded Set = 1 << iota
	// NodeAllocatable is a node that offers another amount of something.
	NodeAllocatable
	// NodeLabels is a node with other labels.
	NodeLabels
	// NodeTaints is a node with other taints, or cordoned or released.
	NodeTaints
	// NodeGone is a node that left: spread domains may have become fewer.
	NodeGone
	// PodPlaced is a pod that got a node: others may want to be near it.
	PodPlaced
	// PodLabels is a placed pod with other labels.
	PodLabels
	// PodGone is a placed pod that left its node, or that asks for less than before.
	PodGone
	// Claim is a change of a PersistentVolumeClaim, Volume of a PersistentVolume, Class of a StorageClass.
	Claim
	Volume
	Class
	// NamespaceLabels is a new namespace or one with other labels.
	NamespaceLabels
	// All is any of them.
	All Set = 1<<iota - 1
)

// Has tells that s and o have a kind in common.
func (s Set) Has(o Set) bool { return s&o != 0 }

// OfNode tells what an update of a node changed of what scheduling looks at. A heartbeat changes nothing.
func OfNode(old, now *v1.Node) Set {
	var s Set
	if !equality.Semantic.DeepEqual(old.Status.Allocatable, now.Status.Allocatable) {
		s |= NodeAllocatable
	}
	if !maps.Equal(old.Labels, now.Labels) {
		s |= NodeLabels
	}
	if old.Spec.Unschedulable != now.Spec.Unschedulable || !slices.EqualFunc(old.Spec.Taints, now.Spec.Taints, sameTaint) {
		s |= NodeTaints
	}
	return s
}

// sameTaint leaves out when a taint was added.
func sameTaint(a, b v1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }
