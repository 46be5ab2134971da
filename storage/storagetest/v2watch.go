package storagetest

import (
	"fmt"
	"path"
	"strings"

	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/v2store"
)

// V2Watch is a watch of the model: it is offered every event, and keeps what it
// wants.
type V2Watch struct {
	Events []*v2store.Event

	path              string
	recursive, stream bool
	since             uint64
	done              bool
}

// publish ends a change: its event joins the history, and is offered to all
// watches. gone are the paths that it removed.
func (m *V2Model) publish(e *v2store.Event, node *v2store.Node, gone []string) {
	e.Node = node
	e.Node.ModifiedIndex = m.Index
	m.Events = append(m.Events, e)
	for _, w := range m.watchers {
		if !e.Refresh && e.Index >= w.since {
			w.offer(e, gone)
		}
	}
}

// offer hands an event to a watch, if it is for it.
func (w *V2Watch) offer(e *v2store.Event, gone []string) {
	key := e.Node.Key
	wants := key == w.path
	if rest, ok := strings.CutPrefix(key, strings.TrimSuffix(w.path, "/")+"/"); ok && w.recursive {
		wants = !strings.Contains("/"+rest, "/_")
	}
	for _, p := range gone {
		wants = wants || p == w.path
	}
	if wants {
		w.take(e)
	}
}

// take keeps an event, the first only unless the watch is a stream.
func (w *V2Watch) take(e *v2store.Event) {
	if w.done {
		return
	}
	w.Events = append(w.Events, e)
	w.done = !w.stream
}

// Watch answers as Store.V2Watch.
func (m *V2Model) Watch(p string, recursive, stream bool, since uint64) (*V2Watch, error) {
	w := &V2Watch{path: path.Clean("/" + p), recursive: recursive, stream: stream, since: since}
	if since == 0 {
		w.since = m.Index + 1
	}
	first := uint64(1)
	if m.Index > schema.V2EventsKept {
		first = m.Index - schema.V2EventsKept + 1
	}
	if w.since < first {
		return nil, m.refuse(v2store.CodeIndexCleared, fmt.Sprintf("the requested history has been cleared [%v/%v]", first, w.since))
	}
	for i := w.since; i <= m.Index; i++ {
		e := m.Events[i-1]
		key := e.Node.Key
		wants := key == w.path || recursive && strings.HasPrefix(key, strings.TrimSuffix(w.path, "/")+"/")
		if (e.Action == v2store.Delete || e.Action == v2store.Expire) && e.PrevNode.Dir {
			wants = wants || strings.HasPrefix(w.path, key)
		}
		if wants && !e.Refresh {
			w.take(e)
		}
	}
	m.watchers = append(m.watchers, w)
	return w, nil
}
