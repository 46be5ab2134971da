package v2store

import "fmt"

// update changes the value and the time to live of a file, or the time to live
// of a directory.
func (w *Writer) update(r *Request) (*Event, error) {
	path := clean(r.Path)
	if err := w.readOnly(path); err != nil {
		return nil, err
	}
	e, err := w.find(path)
	if err != nil {
		return nil, err
	}
	if e.Dir && r.Value != "" {
		return nil, w.refuse(CodeNotFile, path)
	}
	return w.change(Update, path, e, r)
}

// compareAndSwap changes a file as update does, if it is as the request says.
func (w *Writer) compareAndSwap(r *Request) (*Event, error) {
	path := clean(r.Path)
	if err := w.readOnly(path); err != nil {
		return nil, err
	}
	e, err := w.compare(path, r)
	if err != nil {
		return nil, err
	}
	return w.change(CompareAndSwap, path, e, r)
}

// compare returns the file at a path, if it is as the request says.
func (w *Writer) compare(path string, r *Request) (*entry, error) {
	e, err := w.find(path)
	if err != nil {
		return nil, err
	}
	if e.Dir {
		return nil, w.refuse(CodeNotFile, path)
	}
	value := r.PrevValue == "" || r.PrevValue == e.Value
	index := r.PrevIndex == 0 || r.PrevIndex == e.Modified
	switch {
	case value && index:
		return e, nil
	case value:
		return nil, w.refuse(CodeTestFailed, fmt.Sprintf("[%d != %d]", r.PrevIndex, e.Modified))
	case index:
		return nil, w.refuse(CodeTestFailed, fmt.Sprintf("[%s != %s]", r.PrevValue, e.Value))
	}
	return nil, w.refuse(CodeTestFailed, fmt.Sprintf("[%s != %s] [%d != %d]", r.PrevValue, e.Value, r.PrevIndex, e.Modified))
}

// change writes a node that is there anew. A directory's own index stays as it
// is, though the event has the new one.
func (w *Writer) change(a Action, path string, e *entry, r *Request) (*Event, error) {
	w.index++
	n := e.V2Node
	n.Expiration = min(r.Expiration, noExpiry-1)
	if !n.Dir {
		n.Modified = w.index
		if !r.Refresh {
			n.Value = r.Value
		}
	}
	ev := newEvent(a, path, &n, w.index, r.Now)
	ev.setPrev(path, &e.V2Node, r.Now)
	if err := w.put(path, e, n); err != nil {
		return nil, err
	}
	return w.done(ev, r, nil), nil
}
