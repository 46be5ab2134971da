package watch

import (
	"cmp"
	"hash/fnv"
)

// intervals finds the ranges that a key lies in. It is a treap ordered by
// (lo, hi) in which every node knows the largest end below it. Priorities are
// hashes of the range, so the shape depends on the content only.
type intervals struct{ root *node }

// node holds all watchers of one range.
type node struct {
	span        span
	priority    uint64
	watchers    bucket
	left, right *node

	// The largest end in the subtree.
	maxHi   string
	maxOpen bool
}

// compare orders ranges; open ends sort last.
func compare(a, b *span) int {
	if c := cmp.Compare(a.lo, b.lo); c != 0 {
		return c
	}
	switch {
	case a.open && b.open:
		return 0
	case a.open:
		return 1
	case b.open:
		return -1
	}
	return cmp.Compare(a.hi, b.hi)
}

// priorityOf hashes a range.
func priorityOf(s *span) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s.lo))
	h.Write([]byte{0, 0})
	h.Write([]byte(s.hi))
	x := h.Sum64()
	// fnv's high bits mix little of a key's last bytes; a treap compares them first.
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// update recomputes the largest end from the children.
func (n *node) update() {
	n.maxHi, n.maxOpen = n.span.hi, n.span.open
	for _, c := range [2]*node{n.left, n.right} {
		if c != nil {
			n.maxHi = max(n.maxHi, c.maxHi)
			n.maxOpen = n.maxOpen || c.maxOpen
		}
	}
}

// find returns the bucket of exactly this range, nil if there is none.
func (t *intervals) find(s *span) *bucket {
	n := t.root
	for n != nil {
		switch c := compare(s, &n.span); {
		case c == 0:
			return &n.watchers
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// add returns the bucket of this range, new if need be.
func (t *intervals) add(s *span) *bucket {
	if b := t.find(s); b != nil {
		return b
	}
	fresh := &node{span: *s, priority: priorityOf(s)}
	t.root = insert(t.root, fresh)
	return &fresh.watchers
}

// insert puts fresh, whose range is not in the tree, below n.
func insert(n, fresh *node) *node {
	switch {
	case n == nil:
		fresh.update()
		return fresh
	case compare(&fresh.span, &n.span) < 0:
		n.left = insert(n.left, fresh)
		if n.left.priority > n.priority {
			return n.rotateRight()
		}
	default:
		n.right = insert(n.right, fresh)
		if n.right.priority > n.priority {
			return n.rotateLeft()
		}
	}
	n.update()
	return n
}

// rotateRight lifts the left child.
func (n *node) rotateRight() *node {
	l := n.left
	n.left, l.right = l.right, n
	n.update()
	l.update()
	return l
}

// rotateLeft lifts the right child.
func (n *node) rotateLeft() *node {
	r := n.right
	n.right, r.left = r.left, n
	n.update()
	r.update()
	return r
}

// remove takes a range out of the tree.
func (t *intervals) remove(s *span) { t.root = remove(t.root, s) }

// remove takes a range out from below n.
func remove(n *node, s *span) *node {
	if n == nil {
		return nil
	}
	switch c := compare(s, &n.span); {
	case c < 0:
		n.left = remove(n.left, s)
	case c > 0:
		n.right = remove(n.right, s)
	default:
		return merge(n.left, n.right)
	}
	n.update()
	return n
}

// merge joins two trees, all of a before all of b.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		a.right = merge(a.right, b)
		a.update()
		return a
	}
	b.left = merge(a, b.left)
	b.update()
	return b
}

// stab calls fn with the watchers of every range that key lies in.
func (n *node) stab(key []byte, fn func(*watcher)) {
	for n != nil && (n.maxOpen || string(key) < n.maxHi) {
		n.left.stab(key, fn)
		if string(key) < n.span.lo {
			return
		}
		if n.span.contains(key) {
			for _, w := range n.watchers {
				fn(w)
			}
		}
		n = n.right
	}
}
