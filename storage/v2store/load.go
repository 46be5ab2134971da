package v2store

import (
	"errors"
	"fmt"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Stored is a node as it is kept.
type Stored = schema.V2Node

// ErrMisplaced says that a node that was to be placed has no directory to be in.
var ErrMisplaced = errors.New("v2store: a node without a directory around it")

// Place makes a node as it was in another tree, indexes included. That is no
// change and leaves no event: see Resume. A directory is placed before what is
// in it.
func (w *Writer) Place(path string, n Stored) error {
	if path != clean(path) || isRoot(path) {
		return fmt.Errorf("%w: %q", ErrMisplaced, path)
	}
	dir, err := w.look(parent(path))
	if err != nil {
		return err
	}
	if !dir.live || !dir.Dir {
		return fmt.Errorf("%w: %q", ErrMisplaced, path)
	}
	e, err := w.look(path)
	if err != nil {
		return err
	}
	return w.put(path, e, n)
}

// Resume makes an empty tree go on from the index of another one, with its
// events as far as they reach to that index without a gap.
func (w *Writer) Resume(index uint64, events []*Event) error {
	w.index, w.wrote = index, true
	for i := len(events) - 1; i >= 0 && len(events)-i <= schema.V2EventsKept; i-- {
		e, at := events[i], index-uint64(len(events)-1-i)
		record := encodeEvent(e)
		if at == 0 || e.Node.ModifiedIndex != at || record.Action == 0 {
			return nil
		}
		if err := w.b.Set(schema.AppendV2EventKey(nil, at), schema.AppendV2Event(nil, &record)); err != nil {
			return err
		}
	}
	return nil
}

// Erase removes what lies under a directory without a trace.
func (w *Writer) Erase(dir string) error {
	w.touch(clean(dir))
	_, err := w.removeUnder(clean(dir))
	return err
}

// Walk calls fn with all nodes but the roots, hidden ones included: by depth,
// and so a directory before what is in it, then by path.
func (t *Tree) Walk(fn func(path string, n Stored) error) (err error) {
	lower, upper := schema.TableBounds(schema.TableV2Nodes)
	it, err := t.db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		path, err := schema.DecodeV2NodeKey(it.Key())
		if err != nil {
			return corrupt(err)
		}
		v, err := it.Value()
		if err != nil {
			return err
		}
		n, err := schema.DecodeV2Node(v)
		if err != nil {
			return corrupt(err)
		}
		if err := fn(string(path), n); err != nil {
			return err
		}
	}
	return it.Err()
}
