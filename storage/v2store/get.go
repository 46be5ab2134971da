package v2store

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/recent"
	"github.com/petcd/petcd/storage/schema"
)

// Get returns a node: a directory with its children, and with recursive all
// that lies under it, but for what is hidden. The error is *Error for a
// refusal. Times to live are as of now.
func (t *Tree) Get(path string, recursive bool, now time.Time) (_ *Event, err error) {
	path = clean(path)
	if e, err := t.getFile(path, now); e != nil || err != nil {
		return e, err
	}
	it, err := t.db.NewIter(engine.IterOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	r := reader{it: it, now: now.UnixNano()}
	if err := r.readIndex(); err != nil {
		return nil, err
	}
	return r.get(path, recursive)
}

// getFile returns a file by a single look-up; nil when there is none, or when a
// batch came between.
func (t *Tree) getFile(path string, now time.Time) (*Event, error) {
	var buf [160]byte
	key := schema.AppendV2NodeKey(buf[:0], path)
	before, index := t.commits.Load(), t.index.Load()
	if before%2 != 0 {
		return nil, nil // others may have read from the engine what is not published yet
	}
	n, place := t.recent.Find(key)
	if n == nil || n.Modified > index {
		var err error
		if n, err = t.readFile(key, place, before); n == nil || err != nil {
			return nil, err
		}
	}
	e := newEvent(Get, path, n, n.Modified, now.UnixNano())
	e.Index = index
	return &e.Event, nil
}

// readFile reads a file from the engine, of a tree that has seen so many commits.
func (t *Tree) readFile(key []byte, place recent.Place[schema.V2Node], commits uint64) (*schema.V2Node, error) {
	var n schema.V2Node
	found, err := t.db.View(key, func(v []byte) (err error) {
		n, err = schema.DecodeV2Node(v)
		return corrupt(err)
	})
	if err != nil || !found || n.Dir || t.commits.Load() != commits {
		return nil, err
	}
	t.recent.Keep(place, key, n, len(n.Value))
	return &n, nil
}

// reader reads the tree as of one moment.
type reader struct {
	it    *engine.Iter
	now   int64
	index uint64
}

// readIndex reads the tree's index.
func (r *reader) readIndex() error {
	if !r.it.SeekPrefixGE(indexKey) {
		return r.it.Err()
	}
	v, err := r.it.Value()
	if err != nil {
		return err
	}
	r.index, err = schema.DecodeV2Index(v)
	return corrupt(err)
}

// get is Tree.Get.
func (r *reader) get(path string, recursive bool) (*Event, error) {
	n, ok, err := r.node(path)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, r.missing(path)
	}
	answer := r.show(path, &n)
	if n.Dir {
		if err := r.list(answer, recursive); err != nil {
			return nil, err
		}
	}
	return &Event{Action: Get, Node: answer, Index: r.index}, nil
}

// node reads one node.
func (r *reader) node(path string) (n schema.V2Node, ok bool, err error) {
	if isRoot(path) {
		return schema.V2Node{Dir: true}, true, nil
	}
	if !r.it.SeekPrefixGE(schema.AppendV2NodeKey(nil, path)) {
		return n, false, r.it.Err()
	}
	n, err = r.value()
	return n, err == nil, err
}

// value decodes the node that the iterator is at.
func (r *reader) value() (schema.V2Node, error) {
	v, err := r.it.Value()
	if err != nil {
		return schema.V2Node{}, err
	}
	n, err := schema.DecodeV2Node(v)
	return n, corrupt(err)
}

// missing says why there is no node at a path.
func (r *reader) missing(path string) error {
	return missing(path, r.index, func(p string) (dir, ok bool, err error) {
		n, ok, err := r.node(p)
		return n.Dir, ok, err
	})
}

// missing says which part of a path that leads nowhere is at fault. It looks
// from the root down and no further than what is there: the path is a client's,
// and may have names without end.
func missing(path string, index uint64, look func(string) (dir, ok bool, err error)) error {
	for at := 1; ; at++ {
		next := strings.IndexByte(path[at:], '/')
		if next < 0 {
			return &Error{Code: CodeKeyNotFound, Cause: path, Index: index}
		}
		at += next
		dir, ok, err := look(path[:at])
		switch {
		case err != nil:
			return err
		case !ok:
			return &Error{Code: CodeKeyNotFound, Cause: path[:at], Index: index}
		case !dir:
			return &Error{Code: CodeNotDir, Cause: path[:at], Index: index}
		}
	}
}

// show is a node as answers show it.
func (r *reader) show(path string, n *schema.V2Node) *Node {
	s := &Node{Key: path, Dir: n.Dir, CreatedIndex: n.Created, ModifiedIndex: n.Modified}
	if !n.Dir {
		s.Value = &n.Value
	}
	if n.Expiration != 0 {
		at := time.Unix(0, n.Expiration).UTC()
		s.Expiration, s.TTL = &at, ttl(n.Expiration, r.now)
	}
	return s
}

// ttl is the seconds between two times, rounded up.
func ttl(expiration, now int64) int64 {
	left := expiration - now
	seconds := left / int64(time.Second)
	if left%int64(time.Second) > 0 {
		seconds++
	}
	return seconds
}

// list adds to a directory what lies under it, level by level: each is one
// range of records.
func (r *reader) list(top *Node, recursive bool) error {
	dirs := map[string]*Node{top.Key: top}
	for level := uint32(1); len(dirs) > 0; level++ {
		next := map[string]*Node{}
		if err := r.level(top.Key, level, dirs, next); err != nil {
			return err
		}
		if !recursive {
			return nil
		}
		dirs = next
	}
	return nil
}

// level adds the nodes of one level to the directories above, and its
// directories to next. Nodes in hidden directories find none.
func (r *reader) level(top string, level uint32, dirs, next map[string]*Node) error {
	add := func(n *Node) {
		up := dirs[parent(n.Key)]
		if up == nil || hidden(n.Key) {
			return
		}
		up.Nodes = append(up.Nodes, n)
		if n.Dir {
			next[n.Key] = n
		}
	}
	if top == "/" && level == 1 {
		for _, p := range roots {
			add(&Node{Key: p, Dir: true})
		}
	}
	lower, upper := schema.V2Bounds(top, level)
	r.it.SetBounds(lower, upper)
	for ok := r.it.First(); ok; ok = r.it.Next() {
		path, err := schema.DecodeV2NodeKey(r.it.Key())
		if err != nil {
			return corrupt(err)
		}
		n, err := r.value()
		if err != nil {
			return err
		}
		add(r.show(string(path), &n))
	}
	if top == "/" && level == 1 {
		slices.SortFunc(dirs["/"].Nodes, func(a, b *Node) int { return cmp.Compare(a.Key, b.Key) })
	}
	return r.it.Err()
}
