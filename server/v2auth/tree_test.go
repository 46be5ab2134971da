package v2auth

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// fakeTree is the tree and the log of one member: a map under a lock.
type fakeTree struct {
	mu    sync.Mutex
	nodes map[string]fakeNode
	index uint64

	reads   int               // of documents
	onRead  func(path string) // called before each, without the lock
	failing error             // what reads answer, if it is set
}

type fakeNode struct {
	dir   bool
	value string
	index uint64
}

func newFakeTree() *fakeTree { return &fakeTree{nodes: map[string]fakeNode{"/": {dir: true}}} }

func (f *fakeTree) V2AuthVersion() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index
}

func (f *fakeTree) ReadBarrier(ctx context.Context) error { return ctx.Err() }

func (f *fakeTree) V2Get(p string, _ bool, _ time.Time) (*v2store.Event, error) {
	if f.onRead != nil {
		f.onRead(p)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.failing != nil {
		return nil, f.failing
	}
	n, found := f.nodes[p]
	if !found {
		return nil, f.refuse(v2store.CodeKeyNotFound)
	}
	out := &v2store.Node{Key: p, Dir: n.dir, ModifiedIndex: n.index}
	if !n.dir {
		out.Value = &n.value
		return &v2store.Event{Action: v2store.Get, Node: out, Index: f.index}, nil
	}
	for child := range f.nodes {
		if path.Dir(child) == p && child != p && !strings.HasPrefix(path.Base(child), "_") {
			out.Nodes = append(out.Nodes, &v2store.Node{Key: child})
		}
	}
	slices.SortFunc(out.Nodes, func(a, b *v2store.Node) int { return strings.Compare(a.Key, b.Key) })
	return &v2store.Event{Action: v2store.Get, Node: out, Index: f.index}, nil
}

func (f *fakeTree) ProposeV2(ctx context.Context, r *v2pb.Request) (*v2store.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old, found := f.nodes[r.Path]
	switch {
	case r.Method == "PUT" && !r.GetPrevExist() && found:
		return nil, f.refuse(v2store.CodeNodeExists)
	case (r.Method == "DELETE" || r.GetPrevExist()) && !found:
		return nil, f.refuse(v2store.CodeKeyNotFound)
	case r.PrevIndex != 0 && r.PrevIndex != old.index:
		return nil, f.refuse(v2store.CodeTestFailed)
	}
	f.index++
	if r.Method == "DELETE" {
		delete(f.nodes, r.Path)
	} else {
		f.nodes[r.Path] = fakeNode{dir: r.Dir, value: r.Val, index: f.index}
	}
	return &v2store.Event{Index: f.index}, nil
}

func (f *fakeTree) refuse(code v2store.Code) *v2store.Error {
	return &v2store.Error{Code: code, Index: f.index}
}

// put writes a node past the Store.
func (f *fakeTree) put(p, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index++
	f.nodes[p] = fakeNode{value: value, index: f.index}
}

func (f *fakeTree) documentReads() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}
