package volume

import (
	"errors"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/component-helpers/storage/ephemeral"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/clock"
)

// What a node is refused for.
const (
	otherNode  = "node(s) didn't match PersistentVolume's node affinity"
	noVolume   = "node(s) didn't find available persistent volumes to bind"
	lostVolume = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
)

// errImmediate is why a pod waits whose claims somebody else binds.
var errImmediate = errors.New("pod has unbound immediate PersistentVolumeClaims")

// Binder looks after volumes for the scheduler.
type Binder struct {
	client  kubernetes.Interface
	clock   clock.Clock
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	classes storagelisters.StorageClassLister

	mu sync.Mutex
	// taken are volumes held for a claim that the apiserver has not been told of.
	taken map[string]*v1.PersistentVolume
}

// NewBinder returns one that reads by informers.
func NewBinder(client kubernetes.Interface, f informers.SharedInformerFactory, c clock.Clock) *Binder {
	return &Binder{
		client: client, clock: c,
		claims:  f.Core().V1().PersistentVolumeClaims().Lister(),
		volumes: f.Core().V1().PersistentVolumes().Lister(),
		classes: f.Storage().V1().StorageClasses().Lister(),
		taken:   map[string]*v1.PersistentVolume{},
	}
}

// Claims are those of one pod.
type Claims struct {
	binder *Binder
	bound  []*v1.PersistentVolume
	lost   bool // a claim's volume doesn't exist
	// waiting are claims that get their volume with the pod's node. available are the volumes there are.
	waiting   []*v1.PersistentVolumeClaim
	available []*v1.PersistentVolume
}

// None tells that all nodes are the same to the pod.
func (c *Claims) None() bool { return len(c.bound)+len(c.waiting) == 0 && !c.lost }

// Look reads the claims of a pod. An error is what keeps it from every node, in words for its user.
func (b *Binder) Look(pod *v1.Pod) (*Claims, error) {
	c := &Claims{binder: b}
	for i := range pod.Spec.Volumes {
		if err := c.add(pod, &pod.Spec.Volumes[i]); err != nil {
			return nil, err
		}
	}
	if len(c.waiting) > 0 {
		all, err := b.volumes.List(labels.Everything())
		if err != nil {
			return nil, fmt.Errorf("list persistent volumes: %w", err)
		}
		c.available = all
	}
	return c, nil
}

// add sorts the claim of one of the pod's volumes: bound, waiting, or an error for all nodes.
func (c *Claims) add(pod *v1.Pod, volume *v1.Volume) error {
	var name string
	switch {
	case volume.PersistentVolumeClaim != nil:
		name = volume.PersistentVolumeClaim.ClaimName
	case volume.Ephemeral != nil:
		name = ephemeral.VolumeClaimName(pod, volume)
	default:
		return nil
	}
	claim, err := c.binder.claims.PersistentVolumeClaims(pod.Namespace).Get(name)
	switch {
	case err != nil && volume.Ephemeral != nil:
		return fmt.Errorf("waiting for ephemeral volume controller to create the persistentvolumeclaim %q", name)
	case err != nil:
		return fmt.Errorf("persistentvolumeclaim %q not found", name)
	case claim.DeletionTimestamp != nil:
		return fmt.Errorf("persistentvolumeclaim %q is being deleted", name)
	case claim.Status.Phase == v1.ClaimLost:
		return fmt.Errorf("persistentvolumeclaim %q bound to non-existent persistentvolume %q", name, claim.Spec.VolumeName)
	}
	if volume.Ephemeral != nil {
		if err := ephemeral.VolumeIsForPod(pod, claim); err != nil {
			return err
		}
	}
	if bound(claim) {
		pv, err := c.binder.volumes.Get(claim.Spec.VolumeName)
		if err != nil {
			c.lost = true
			return nil
		}
		c.bound = append(c.bound, pv)
		return nil
	}
	if claim.Spec.VolumeName != "" || !c.binder.waits(claim) {
		return errImmediate
	}
	c.waiting = append(c.waiting, claim)
	return nil
}

// bound tells that the volume controller is done with a claim.
func bound(claim *v1.PersistentVolumeClaim) bool {
	_, done := claim.Annotations[volumehelpers.AnnBindCompleted]
	return claim.Spec.VolumeName != "" && (done || claim.Status.Phase == v1.ClaimBound)
}

// waits tells that a claim is bound when its first pod has a node.
func (b *Binder) waits(claim *v1.PersistentVolumeClaim) bool {
	class := b.class(claim)
	return class != nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// class returns the class of a claim; nil if there is none.
func (b *Binder) class(claim *v1.PersistentVolumeClaim) *storagev1.StorageClass {
	class, err := b.classes.Get(volumehelpers.GetPersistentVolumeClaimClass(claim))
	if err != nil {
		return nil
	}
	return class
}

// Refuses says why a node won't do; "" if it will.
func (c *Claims) Refuses(node *v1.Node) string {
	if c.lost {
		return lostVolume
	}
	for _, pv := range c.bound {
		if volumehelpers.CheckNodeAffinity(pv, node.Labels) != nil {
			return otherNode
		}
	}
	if len(c.waiting) == 0 {
		return ""
	}
	c.binder.mu.Lock()
	defer c.binder.mu.Unlock()
	_, reason := c.match(node)
	return reason
}

// choice is what a waiting claim gets: a volume that exists, or, if that is nil, one that is to be provisioned.
type choice struct {
	claim  *v1.PersistentVolumeClaim
	volume *v1.PersistentVolume
	since  string // the claim's version that has the node's name on it, for the latter
}

// match chooses for each waiting claim. The binder is locked.
func (c *Claims) match(node *v1.Node) ([]choice, string) {
	excluded := make(map[string]*v1.PersistentVolume, len(c.binder.taken)+len(c.waiting))
	for name, pv := range c.binder.taken {
		excluded[name] = pv
	}
	var choices []choice
	for _, claim := range c.waiting {
		if on, ok := claim.Annotations[volumehelpers.AnnSelectedNode]; ok {
			if on != node.Name {
				return nil, noVolume // a volume for another node is in the making
			}
			choices = append(choices, choice{claim: claim})
			continue
		}
		pv, err := volumehelpers.FindMatchingVolume(claim, c.available, node, excluded, true, true)
		switch {
		case err != nil:
			return nil, noVolume
		case pv != nil:
			excluded[pv.Name] = pv
			choices = append(choices, choice{claim: claim, volume: pv})
		default:
			if reason := c.binder.provisions(claim, node); reason != "" {
				return nil, reason
			}
			choices = append(choices, choice{claim: claim})
		}
	}
	return choices, ""
}

// provisions says why no volume can be made for a claim on a node; "" if one can.
func (b *Binder) provisions(claim *v1.PersistentVolumeClaim, node *v1.Node) string {
	class := b.class(claim)
	if class == nil || class.Provisioner == "" || class.Provisioner == volumehelpers.NotSupportedProvisioner {
		return noVolume
	}
	if len(class.AllowedTopologies) == 0 {
		return ""
	}
	for _, term := range class.AllowedTopologies {
		if allows(term, node) {
			return ""
		}
	}
	return noVolume
}

// allows tells that a node has a value of each label that a class restricts.
func allows(term v1.TopologySelectorTerm, node *v1.Node) bool {
	for _, e := range term.MatchLabelExpressions {
		value, ok := node.Labels[e.Key]
		if !ok {
			return false
		}
		found := false
		for _, v := range e.Values {
			found = found || v == value
		}
		if !found {
			return false
		}
	}
	return len(term.MatchLabelExpressions) > 0
}
