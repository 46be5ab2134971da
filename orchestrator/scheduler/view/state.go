package view

import (
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Cluster is a State that several goroutines use.
type Cluster struct {
	mu    sync.Mutex
	state *State
}

// NewCluster returns one without nodes.
func NewCluster() *Cluster { return &Cluster{state: NewState()} }

// With calls f with the state, which no one else reads or changes meanwhile. f doesn't keep it.
func (c *Cluster) With(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.state)
}

// State is all nodes and the pods on them.
type State struct {
	nodes     map[string]*Node // those too of which only pods tell
	ready     []*Node          // those with an object, in the order of their arrival
	placed    map[types.UID]*placement
	nominated map[string][]*Pod // by node
	nominee   map[types.UID]string

	images map[string]int // on how many nodes an image is
	alike  map[string]*Alike
	averse int // how many placed pods refuse others
	affine int // how many placed pods say something of others
}

// placement is where a pod is, and whether the apiserver is known to say so too.
type placement struct {
	pod     *Pod
	node    *Node
	assumed bool
	doomed  bool
}

// NewState returns one without nodes.
func NewState() *State {
	return &State{
		nodes: map[string]*Node{}, placed: map[types.UID]*placement{},
		nominated: map[string][]*Pod{}, nominee: map[types.UID]string{}, images: map[string]int{},
		alike: map[string]*Alike{},
	}
}

// Nodes are the nodes that a pod can be put on. The slice is not to be changed.
func (s *State) Nodes() []*Node { return s.ready }

// Node returns a node that a pod can be put on, or nil.
func (s *State) Node(name string) *Node {
	if n := s.nodes[name]; n != nil && n.Object != nil {
		return n
	}
	return nil
}

// NodesWithImage counts the nodes that have an image.
func (s *State) NodesWithImage(name string) int { return s.images[name] }

// Averse tells that some placed pod refuses others by anti-affinity.
func (s *State) Averse() bool { return s.averse > 0 }

// Affine tells that some placed pod says anything of others, be it a preference.
func (s *State) Affine() bool { return s.affine > 0 }

// SetNode adds a node or what it says of itself now.
func (s *State) SetNode(o *v1.Node) {
	n := s.node(o.Name)
	if n.Object == nil {
		s.ready = append(s.ready, n)
	}
	s.countImages(n, -1)
	n.setObject(o)
	s.countImages(n, 1)
}

// RemoveNode takes a node out. Its pods stay known: they hold what they hold should it come back.
func (s *State) RemoveNode(name string) {
	n := s.nodes[name]
	if n == nil || n.Object == nil {
		return
	}
	s.countImages(n, -1)
	n.Object, n.Images = nil, nil
	s.ready = slices.DeleteFunc(s.ready, func(o *Node) bool { return o == n })
	s.dropIfEmpty(n)
}

// countImages adds what images a node has, or takes it off again.
func (s *State) countImages(n *Node, by int) {
	for name := range n.Images {
		if s.images[name] += by; s.images[name] <= 0 {
			delete(s.images, name)
		}
	}
}

// SetPod says that a pod is on the node that its spec names: an informer has shown it. It confirms what was assumed.
func (s *State) SetPod(pod *v1.Pod) {
	s.place(NewPod(pod), pod.Spec.NodeName, false)
}

// Assume puts a pod on a node before the apiserver knows of it.
func (s *State) Assume(p *Pod, node string) { s.place(p, node, true) }

// place puts a pod on a node, and off the one where it was.
func (s *State) place(p *Pod, node string, assumed bool) {
	doomed := s.Doomed(p.Key()) && p.DeletionTimestamp == nil // from now on it says so itself
	s.RemovePod(p.Key())
	n := s.node(node)
	n.Add(p)
	s.join(p, n)
	s.count(p, 1)
	s.placed[p.Key()] = &placement{pod: p, node: n, assumed: assumed, doomed: doomed}
}

// count keeps Averse and Affine.
func (s *State) count(p *Pod, by int) {
	if len(p.Far) > 0 {
		s.averse += by
	}
	if len(p.Near)+len(p.Far)+len(p.Leanings) > 0 {
		s.affine += by
	}
}

// Forget gives an assumed pod up: it could not be bound. What an informer has shown stays.
func (s *State) Forget(uid types.UID) {
	if at := s.placed[uid]; at != nil && at.assumed {
		s.RemovePod(uid)
	}
}

// Assumed tells that a pod was put on a node that the informer has not shown yet.
func (s *State) Assumed(uid types.UID) bool {
	at := s.placed[uid]
	return at != nil && at.assumed
}

// Doom notes that a pod is to be deleted to make room, or that this came to nothing. The note is kept until the informer shows that
// the pod is on its way out, or gone.
func (s *State) Doom(uid types.UID, doomed bool) {
	if at := s.placed[uid]; at != nil {
		at.doomed = doomed && at.pod.DeletionTimestamp == nil
	}
}

// Doomed tells that there is such a note.
func (s *State) Doomed(uid types.UID) bool {
	at := s.placed[uid]
	return at != nil && at.doomed
}

// Placed returns a pod that has a node as it is known now; nil if it has none.
func (s *State) Placed(uid types.UID) *Pod {
	if at := s.placed[uid]; at != nil {
		return at.pod
	}
	return nil
}

// RemovePod takes a pod off its node and drops its nomination. It needn't have either.
func (s *State) RemovePod(uid types.UID) {
	s.Unnominate(uid)
	at := s.placed[uid]
	if at == nil {
		return
	}
	at.node.Remove(at.pod)
	s.leave(at.pod, at.node)
	s.count(at.pod, -1)
	delete(s.placed, uid)
	s.dropIfEmpty(at.node)
}

// Nominate notes that a pod made room for itself on a node.
func (s *State) Nominate(p *Pod, node string) {
	s.Unnominate(p.Key())
	s.nominated[node] = append(s.nominated[node], p)
	s.nominee[p.Key()] = node
}

// Unnominate drops such a note, and returns the node that it was for; "" if there was none. Unless the pod goes to that very node,
// others may have the room.
func (s *State) Unnominate(uid types.UID) (node string) {
	node, ok := s.nominee[uid]
	if !ok {
		return ""
	}
	delete(s.nominee, uid)
	left := slices.DeleteFunc(s.nominated[node], func(p *Pod) bool { return p.Key() == uid })
	if len(left) == 0 {
		delete(s.nominated, node)
		return node
	}
	s.nominated[node] = left
	return node
}

// Nominated are the pods with a note for a node. The slice is not to be changed.
func (s *State) Nominated(node string) []*Pod { return s.nominated[node] }

// NominatedTo is the node that a pod has a note for; "" if none.
func (s *State) NominatedTo(uid types.UID) string { return s.nominee[uid] }

// node returns a node by name, which need not have said anything yet.
func (s *State) node(name string) *Node {
	n := s.nodes[name]
	if n == nil {
		n = &Node{Name: name}
		s.nodes[name] = n
	}
	return n
}

// dropIfEmpty forgets a node of which nobody tells any more.
func (s *State) dropIfEmpty(n *Node) {
	if n.Object == nil && len(n.Pods) == 0 {
		delete(s.nodes, n.Name)
	}
}
