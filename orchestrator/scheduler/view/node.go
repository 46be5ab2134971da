package view

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// Node is a node and the pods on it.
type Node struct {
	Name string
	// Object is nil as long as only pods tell of the node.
	Object *v1.Node

	Allocatable Resources
	// AllowedPods is how many pods the node takes.
	AllowedPods int64
	// Images are the sizes of the images on the node, by each of their names.
	Images map[string]int64

	Pods []*Pod
	// Requested and Likely are the sums of the pods'.
	Requested, Likely Resources
	Ports             []Port
}

// setObject takes over what a node says of itself.
func (n *Node) setObject(o *v1.Node) {
	n.Object = o
	n.Allocatable = resourcesOf(o.Status.Allocatable)
	n.AllowedPods = 0
	if q, ok := o.Status.Allocatable[v1.ResourcePods]; ok {
		n.AllowedPods = q.Value()
	}
	n.Images = make(map[string]int64, len(o.Status.Images))
	for _, image := range o.Status.Images {
		for _, name := range image.Names {
			n.Images[name] = image.SizeBytes
		}
	}
}

// Add puts a pod on the node.
func (n *Node) Add(p *Pod) {
	n.Pods = append(n.Pods, p)
	n.Requested.add(&p.Requests, 1)
	n.Likely.add(&p.Likely, 1)
	n.Ports = append(n.Ports, p.Ports...)
}

// Remove takes a pod off the node.
func (n *Node) Remove(p *Pod) {
	var found bool
	if n.Pods, found = without(n.Pods, p); !found {
		return
	}
	n.Requested.add(&p.Requests, -1)
	n.Likely.add(&p.Likely, -1)
	for _, port := range p.Ports {
		if i := slices.Index(n.Ports, port); i >= 0 {
			n.Ports = slices.Delete(n.Ports, i, i+1)
		}
	}
}

// Clone returns a node that can be changed without changing n: what-if questions are asked of it.
func (n *Node) Clone() *Node {
	c := *n
	c.Pods, c.Ports = slices.Clone(n.Pods), slices.Clone(n.Ports)
	c.Requested.Others, c.Likely.Others = maps.Clone(n.Requested.Others), maps.Clone(n.Likely.Others)
	return &c
}

// without removes the pod of p's identity. The order of pods on a node means nothing.
func without(pods []*Pod, p *Pod) ([]*Pod, bool) {
	i := slices.IndexFunc(pods, func(o *Pod) bool { return o.Key() == p.Key() })
	if i < 0 {
		return pods, false
	}
	last := len(pods) - 1
	pods[i] = pods[last]
	pods[last] = nil
	return pods[:last], true
}
