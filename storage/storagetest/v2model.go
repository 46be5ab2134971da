package storagetest

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/petcd/petcd/storage/v2store"
)

// V2Model is the v2 tree as simply as it can be kept: directories are maps,
// and every question is answered by walking from the root.
type V2Model struct {
	Index  uint64
	Events []*v2store.Event // all of them, oldest first

	root     *v2Node
	watchers []*V2Watch
}

// v2Node is a node of the model.
type v2Node struct {
	value             string
	children          map[string]*v2Node // nil for a file
	created, modified uint64
	expiration        int64
}

// newV2Dir returns an empty directory.
func newV2Dir(index uint64) *v2Node {
	return &v2Node{children: map[string]*v2Node{}, created: index, modified: index}
}

// NewV2Model returns an empty tree.
func NewV2Model() *V2Model {
	m := &V2Model{root: newV2Dir(0)}
	m.root.children["0"], m.root.children["1"] = newV2Dir(0), newV2Dir(0)
	return m
}

// names splits a path.
func names(p string) []string {
	return strings.FieldsFunc(path.Clean("/"+p), func(c rune) bool { return c == '/' })
}

// refuse makes a refusal.
func (m *V2Model) refuse(code v2store.Code, cause string) error {
	return &v2store.Error{Code: code, Cause: cause, Index: m.Index}
}

// find walks to a node.
func (m *V2Model) find(p string) (*v2Node, error) {
	n, at := m.root, "/"
	for _, name := range names(p) {
		if n.children == nil {
			return nil, m.refuse(v2store.CodeNotDir, at)
		}
		at = path.Join(at, name)
		if n = n.children[name]; n == nil {
			return nil, m.refuse(v2store.CodeKeyNotFound, at)
		}
	}
	return n, nil
}

// show is a node as answers show it, levels deep.
func (n *v2Node) show(p string, now int64, levels int) *v2store.Node {
	s := &v2store.Node{Key: p, Dir: n.children != nil, CreatedIndex: n.created, ModifiedIndex: n.modified}
	if value := n.value; n.children == nil {
		s.Value = &value
	}
	if n.expiration != 0 {
		at := time.Unix(0, n.expiration).UTC()
		left := at.Sub(time.Unix(0, now))
		s.Expiration, s.TTL = &at, int64(left.Truncate(time.Second)/time.Second)
		if left > left.Truncate(time.Second) {
			s.TTL++
		}
	}
	for _, name := range n.sorted() {
		if levels > 0 && name[0] != '_' {
			s.Nodes = append(s.Nodes, n.children[name].show(path.Join(p, name), now, levels-1))
		}
	}
	return s
}

// sorted lists the names of a directory.
func (n *v2Node) sorted() []string {
	all := make([]string, 0, len(n.children))
	for name := range n.children {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Get answers as Store.V2Get.
func (m *V2Model) Get(p string, recursive bool, now time.Time) (*v2store.Event, error) {
	n, err := m.find(p)
	if err != nil {
		return nil, err
	}
	levels := 1
	if recursive {
		levels = 1000
	}
	shown := n.show(path.Clean("/"+p), now.UnixNano(), levels)
	return &v2store.Event{Action: v2store.Get, Node: shown, Index: m.Index}, nil
}

// Do answers as v2store.Writer.Do.
func (m *V2Model) Do(a v2store.Action, r v2store.Request) (*v2store.Event, error) {
	p := path.Clean("/" + r.Path)
	if r.Unique {
		p = path.Clean(fmt.Sprintf("/%s/%020d", r.Path, m.Index+1))
	}
	fixed := p == "/" || p == "/0" || p == "/1"
	if fixed && a != v2store.CompareAndDelete {
		return nil, m.refuse(v2store.CodeRootReadOnly, "/")
	}
	n, missing := m.find(p)
	if missing != nil && (a != v2store.Set && a != v2store.Create || r.Refresh && a == v2store.Set) {
		return nil, missing
	}
	compares := a == v2store.CompareAndSwap || a == v2store.CompareAndDelete
	switch {
	case compares && n.children != nil, a == v2store.Update && n.children != nil && r.Value != "":
		return nil, m.refuse(v2store.CodeNotFile, p)
	case compares && (r.PrevValue != "" && r.PrevValue != n.value || r.PrevIndex != 0 && r.PrevIndex != n.modified):
		var causes []string
		if r.PrevValue != "" && r.PrevValue != n.value {
			causes = append(causes, fmt.Sprintf("[%v != %v]", r.PrevValue, n.value))
		}
		if r.PrevIndex != 0 && r.PrevIndex != n.modified {
			causes = append(causes, fmt.Sprintf("[%v != %v]", r.PrevIndex, n.modified))
		}
		return nil, m.refuse(v2store.CodeTestFailed, strings.Join(causes, " "))
	case a == v2store.Set || a == v2store.Create:
		return m.create(a, p, n, missing, r)
	case a == v2store.Delete && n.children != nil && !r.Dir && !r.Recursive:
		return nil, m.refuse(v2store.CodeNotFile, p)
	case a == v2store.Delete && len(n.children) > 0 && !r.Recursive:
		return nil, m.refuse(v2store.CodeDirNotEmpty, p)
	case a == v2store.Delete || a == v2store.CompareAndDelete:
		return m.end(a, p, n, r.Now), nil
	}
	e := m.event(a, p, n, r.Now)
	e.Refresh = r.Refresh
	n.expiration = r.Expiration
	if n.children == nil {
		n.modified = m.Index
		if !r.Refresh {
			n.value = r.Value
		}
	}
	m.publish(e, n.show(p, r.Now, 0), nil)
	return e, nil
}

// create makes a node, n being what is there.
func (m *V2Model) create(a v2store.Action, p string, n *v2Node, missing error, r v2store.Request) (*v2store.Event, error) {
	var refused *v2store.Error
	switch {
	case errors.As(missing, &refused) && refused.Code == v2store.CodeNotDir:
		return nil, missing
	case n != nil && a == v2store.Create:
		return nil, m.refuse(v2store.CodeNodeExists, p)
	case n != nil && n.children != nil:
		return nil, m.refuse(v2store.CodeNotFile, p)
	}
	e := m.event(a, p, n, r.Now)
	e.Refresh = r.Refresh
	dir := m.root
	all := names(p)
	for _, name := range all[:len(all)-1] {
		if dir.children[name] == nil {
			dir.children[name] = newV2Dir(m.Index)
		}
		dir = dir.children[name]
	}
	made := &v2Node{value: r.Value, created: m.Index, modified: m.Index, expiration: r.Expiration}
	if r.Refresh {
		made.value = n.value
	}
	if r.Dir {
		made.value, made.children = "", map[string]*v2Node{}
	}
	if time.Unix(0, r.Expiration).Year() < 2000 {
		made.expiration = 0
	}
	dir.children[all[len(all)-1]] = made
	m.publish(e, made.show(p, r.Now, 0), nil)
	return e, nil
}

// event begins a change of n, which may be nil.
func (m *V2Model) event(a v2store.Action, p string, n *v2Node, now int64) *v2store.Event {
	m.Index++
	e := &v2store.Event{Action: a, Index: m.Index}
	if n != nil {
		e.PrevNode = n.show(p, now, 0)
	}
	return e
}

// end removes a node.
func (m *V2Model) end(a v2store.Action, p string, n *v2Node, now int64) *v2store.Event {
	e := m.event(a, p, n, now)
	dir, _ := m.find(path.Dir(p))
	delete(dir.children, path.Base(p))
	var gone []string
	n.each(p, func(p string, _ *v2Node) { gone = append(gone, p) })
	m.publish(e, &v2store.Node{Key: p, Dir: n.children != nil, CreatedIndex: n.created}, gone)
	return e
}

// each calls fn with a node and all under it.
func (n *v2Node) each(p string, fn func(string, *v2Node)) {
	fn(p, n)
	for _, name := range n.sorted() {
		n.children[name].each(path.Join(p, name), fn)
	}
}

// Expire answers as v2store.Writer.Expire.
func (m *V2Model) Expire(now int64, max int) int {
	type expiry struct {
		at   int64
		path string
	}
	var due []expiry
	m.root.each("/", func(p string, n *v2Node) {
		if n.expiration != 0 && n.expiration <= now {
			due = append(due, expiry{n.expiration, p})
		}
	})
	slices.SortFunc(due, func(a, b expiry) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return strings.Compare(a.path, b.path)
	})
	ended := 0
	for _, d := range due[:min(len(due), max)] {
		if n, err := m.find(d.path); err == nil {
			m.end(v2store.Expire, d.path, n, now)
			ended++
		}
	}
	return ended
}
