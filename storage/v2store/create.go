package v2store

import (
	"errors"
	"fmt"

	"github.com/petcd/petcd/storage/schema"
)

// create makes a node, and the directories above it, where none is.
func (w *Writer) create(r *Request) (*Event, error) {
	path := r.Path
	if r.Unique {
		path = fmt.Sprintf("%s/%020d", path, w.index+1)
	}
	path = clean(path)
	if err := w.readOnly(path); err != nil {
		return nil, err
	}
	e, err := w.look(path)
	if err != nil {
		return nil, err
	}
	if e.live {
		return nil, w.refuse(CodeNodeExists, path)
	}
	return w.replace(Create, path, e, r, r.Value)
}

// set makes a file or a directory, in place of a file if one is there.
func (w *Writer) set(r *Request) (*Event, error) {
	path := clean(r.Path)
	e, err := w.look(path)
	if err != nil {
		return nil, err
	}
	value := r.Value
	if !e.live {
		// That a directory is missing is no reason not to set a key in it; that
		// a file is in its place is.
		_, err := w.find(path)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != CodeKeyNotFound || r.Refresh {
			return nil, err
		}
	} else if r.Refresh {
		value = e.Value
	}
	if err := w.readOnly(path); err != nil {
		return nil, err
	}
	if e.live && e.Dir {
		return nil, w.refuse(CodeNotFile, path)
	}
	return w.replace(Set, path, e, r, value)
}

// replace makes a new node at a path, where e is what was there.
func (w *Writer) replace(a Action, path string, e *entry, r *Request, value string) (*Event, error) {
	if !e.live {
		if err := w.makeParents(path); err != nil {
			return nil, err
		}
	}
	w.index++
	n := schema.V2Node{Dir: r.Dir, Created: w.index, Modified: w.index, Expiration: expirationOf(r)}
	if !n.Dir {
		n.Value = value
	}
	ev := newEvent(a, path, &n, w.index, r.Now)
	if e.live {
		ev.setPrev(path, &e.V2Node, r.Now)
	}
	if err := w.put(path, e, n); err != nil {
		return nil, err
	}
	return w.done(ev, r, nil), nil
}

// makeParents makes the directories above a path that are missing. They are of
// the change that is about to come, and never expire.
func (w *Writer) makeParents(path string) error {
	up := parent(path)
	e, err := w.look(up)
	switch {
	case err != nil:
		return err
	case e.live && e.Dir:
		return nil
	case e.live:
		return w.refuse(CodeNotDir, up)
	}
	if err := w.makeParents(up); err != nil {
		return err
	}
	return w.put(up, e, schema.V2Node{Dir: true, Created: w.index + 1, Modified: w.index + 1})
}

// done ends a change: its event is kept, and returned as the answer.
func (w *Writer) done(ev *event, r *Request, removed []string) *Event {
	ev.Refresh = r.Refresh
	ev.Index = w.index
	w.changes = append(w.changes, Change{Event: &ev.Event, Removed: removed})
	w.wrote = true
	return &ev.Event
}
