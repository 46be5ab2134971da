package garbagecollector

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// node is an object as an informer last showed it. It is not changed once it is in the graph.
type node struct {
	resource        schema.GroupVersionResource
	namespace, name string
	uid             types.UID
	owners          []metav1.OwnerReference

	deleting bool // it has a deletion timestamp
	waiting  bool // and stays until its dependents are gone
	orphans  bool // and stays until its dependents are orphans
}

func nodeOf(resource schema.GroupVersionResource, o *metav1.PartialObjectMetadata) *node {
	n := &node{resource: resource, namespace: o.Namespace, name: o.Name, uid: o.UID, owners: o.OwnerReferences}
	n.deleting = o.DeletionTimestamp != nil
	n.waiting = waiting(o)
	n.orphans = n.deleting && slices.Contains(o.Finalizers, metav1.FinalizerOrphanDependents)
	return n
}

// waiting tells that an object is being deleted in the foreground.
func waiting(o *metav1.PartialObjectMetadata) bool {
	return o.DeletionTimestamp != nil && slices.Contains(o.Finalizers, metav1.FinalizerDeleteDependents)
}

// blocks tells that a node keeps an owner that is deleted in the foreground.
func (n *node) blocks(owner types.UID) bool {
	return slices.ContainsFunc(n.owners, func(r metav1.OwnerReference) bool {
		return r.UID == owner && r.BlockOwnerDeletion != nil && *r.BlockOwnerDeletion
	})
}

func (n *node) ownedBy(owner types.UID) bool {
	return slices.ContainsFunc(n.owners, func(r metav1.OwnerReference) bool { return r.UID == owner })
}

// differs tells that an object is not what a reference from a namespace says, though it has the UID. That its kind may be another
// too is not seen here: a reference does not name a resource.
func (n *node) differs(r metav1.OwnerReference, namespace string) bool {
	return n.name != r.Name || (n.namespace != "" && n.namespace != namespace)
}

// graph is who owns whom. An owner need not be in it to have dependents: it may be shown later, or never have existed.
type graph struct {
	mu         sync.RWMutex
	nodes      map[types.UID]*node
	dependents map[types.UID]sets.Set[types.UID] // by the owner's
}

func newGraph() *graph {
	return &graph{nodes: map[types.UID]*node{}, dependents: map[types.UID]sets.Set[types.UID]{}}
}

// put takes in an object as it is now, and returns the objects that are worth a look because of that.
func (g *graph) put(n *node) (look []types.UID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.nodes[n.uid]
	if was == nil {
		was = &node{}
	}
	g.nodes[n.uid] = n
	look = g.unlink(was, n)
	for _, r := range n.owners {
		if g.dependents[r.UID] == nil {
			g.dependents[r.UID] = sets.New[types.UID]()
		}
		g.dependents[r.UID].Insert(n.uid)
		if owner := g.nodes[r.UID]; !was.ownedBy(r.UID) && (owner == nil || owner.waiting || owner.differs(r, n.namespace)) {
			look = append(look, n.uid)
		}
	}
	if n.waiting && !was.waiting {
		look = append(append(look, n.uid), g.dependents[n.uid].UnsortedList()...)
	}
	if n.orphans && !was.orphans {
		look = append(look, n.uid)
	}
	return look
}

// remove forgets an object that is gone. Its dependents are worth a look, and the owners that waited for it.
func (g *graph) remove(uid types.UID) (look []types.UID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.nodes[uid]
	if was == nil {
		return nil
	}
	delete(g.nodes, uid)
	return append(g.unlink(was, &node{uid: uid}), g.dependents[uid].UnsortedList()...)
}

// unlink ends the bonds to owners that an object no longer has, and returns the owners that it no longer holds up.
func (g *graph) unlink(was, is *node) (look []types.UID) {
	for _, r := range was.owners {
		if !is.ownedBy(r.UID) {
			g.dependents[r.UID].Delete(is.uid)
			if g.dependents[r.UID].Len() == 0 {
				delete(g.dependents, r.UID)
			}
		}
		if owner := g.nodes[r.UID]; owner != nil && owner.waiting && was.blocks(r.UID) && !is.blocks(r.UID) {
			look = append(look, r.UID)
		}
	}
	return look
}

// get returns an object; nil if none was shown.
func (g *graph) get(uid types.UID) *node {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.nodes[uid]
}

// stays tells that the graph has what a reference names, and that it does not wait for its dependents.
func (g *graph) stays(k ownerKey) bool {
	n := g.get(k.uid)
	return n != nil && n.is(k) && !n.waiting
}

// drop forgets the objects of a resource that nobody watches any more: no informer will tell of their end.
func (g *graph) drop(resource schema.GroupVersionResource) (look []types.UID) {
	g.mu.RLock()
	var gone []types.UID
	for uid, n := range g.nodes {
		if n.resource == resource {
			gone = append(gone, uid)
		}
	}
	g.mu.RUnlock()
	for _, uid := range gone {
		look = append(look, g.remove(uid)...)
	}
	return look
}

// dependentsOf returns the objects that name an owner.
func (g *graph) dependentsOf(owner types.UID) (of []*node) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for uid := range g.dependents[owner] {
		of = append(of, g.nodes[uid])
	}
	return of
}
