package v2store

import (
	"errors"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// delete removes a file, an empty directory if the request says that it is one,
// or with Recursive whatever is there.
func (w *Writer) delete(r *Request) (*Event, error) {
	path := clean(r.Path)
	if err := w.readOnly(path); err != nil {
		return nil, err
	}
	e, err := w.find(path)
	if err != nil {
		return nil, err
	}
	if e.Dir && !r.Recursive {
		if !r.Dir {
			return nil, w.refuse(CodeNotFile, path)
		}
		empty, err := w.empty(path)
		if err != nil {
			return nil, err
		}
		if !empty {
			return nil, w.refuse(CodeDirNotEmpty, path)
		}
	}
	return w.end(Delete, path, e, r.Now)
}

// compareAndDelete removes a file, if it is as the request says.
func (w *Writer) compareAndDelete(r *Request) (*Event, error) {
	path := clean(r.Path)
	e, err := w.compare(path, r)
	if err != nil {
		return nil, err
	}
	return w.end(CompareAndDelete, path, e, r.Now)
}

// Expire removes what has expired at now, at most max nodes that did by
// themselves, the soonest first. It returns their number.
func (w *Writer) Expire(now int64, max int) (int, error) {
	type expiry struct {
		at   int64
		path string
	}
	var due []expiry
	err := eachExpiry(w.iter, w.t.soonest(w), now, func(at int64, path string) bool {
		due = append(due, expiry{at, path})
		return len(due) < max
	})
	if err != nil {
		return 0, err
	}
	if len(due) < max {
		w.expired = now
	}
	n := 0
	for _, d := range due {
		e, err := w.look(d.path)
		if err != nil {
			return n, err
		}
		if !e.live { // it went with a directory
			continue
		}
		if _, err := w.end(Expire, d.path, e, now); err != nil {
			return n, err
		}
		w.counters.expired.Add(1)
		n++
	}
	return n, nil
}

// soonest is a time before which nothing expires, as of all that the batch did.
func (t *Tree) soonest(w *Writer) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(t.expiry.at, w.expires)
}

// end removes the node at a path with all under it, and says so.
func (w *Writer) end(a Action, path string, e *entry, now int64) (*Event, error) {
	w.index++
	ev := newEvent(a, path, &schema.V2Node{Created: e.Created}, w.index, now)
	ev.Node.Value = nil
	ev.Node.Dir = e.Dir
	ev.setPrev(path, &e.V2Node, now)
	removed, err := w.remove(path, e)
	if err != nil {
		return nil, err
	}
	return w.done(ev, &Request{}, removed), nil
}

// empty tells whether a directory has no children, hidden ones included.
func (w *Writer) empty(path string) (_ bool, err error) {
	lower, upper := schema.V2Bounds(path, 1)
	it, err := w.iter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	return !it.First(), it.Err()
}

// remove removes a node with all under it, and returns the paths of the latter.
func (w *Writer) remove(path string, e *entry) (removed []string, err error) {
	if e.Dir {
		if removed, err = w.removeUnder(path); err != nil {
			return nil, err
		}
	}
	if err := w.moveExpiry(path, e.Expiration, 0); err != nil {
		return nil, err
	}
	w.forget(e)
	w.touch(path)
	w.buf = schema.AppendV2NodeKey(w.buf[:0], path)
	return removed, w.b.Delete(w.buf)
}

// forget notes that there is no node any more where e was.
func (w *Writer) forget(e *entry) {
	w.t.cache.bytes -= len(e.Value)
	*e = entry{}
}

// removeUnder removes all that lies under a directory, level by level, and
// returns the paths.
func (w *Writer) removeUnder(dir string) (removed []string, err error) {
	it, err := w.iter(engine.IterOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for level := uint32(1); ; level++ {
		before := len(removed)
		lower, upper := schema.V2Bounds(dir, level)
		it.SetBounds(lower, upper)
		for ok := it.First(); ok; ok = it.Next() {
			path, err := w.removeAt(it)
			if err != nil {
				return nil, err
			}
			removed = append(removed, path)
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
		if len(removed) == before {
			return removed, nil
		}
		if err := w.b.DeleteRange(lower, upper); err != nil {
			return nil, err
		}
	}
}

// removeAt removes what the node that an iterator is at has beside its own
// record, and returns its path.
func (w *Writer) removeAt(it *engine.Iter) (string, error) {
	key, err := schema.DecodeV2NodeKey(it.Key())
	if err != nil {
		return "", corrupt(err)
	}
	v, err := it.Value()
	if err != nil {
		return "", err
	}
	n, err := schema.DecodeV2Node(v)
	if err != nil {
		return "", corrupt(err)
	}
	path := string(key)
	w.touched = append(w.touched, path)
	if e, ok := w.t.cache.young[path]; ok {
		w.forget(e)
	} else {
		w.t.cache.put(path, &entry{})
	}
	return path, w.moveExpiry(path, n.Expiration, 0)
}
