package v2store

// list is watchers of one path and kind, linked through themselves.
type list struct{ first *Watcher }

// links are a watcher's place in a list.
type links struct {
	in         *list // nil: in none
	prev, next *Watcher
}

// list is the one that a watcher belongs to.
func (at *watched) list(w *Watcher) *list {
	if w.recursive {
		return &at.recursive
	}
	return &at.exact
}

// push adds a watcher that is in no list.
func (l *list) push(w *Watcher) {
	w.links = links{in: l, next: l.first}
	if l.first != nil {
		l.first.links.prev = w
	}
	l.first = w
}

// remove takes a watcher out of its list.
func (l *list) remove(w *Watcher) {
	if w.links.prev != nil {
		w.links.prev.links.next = w.links.next
	} else {
		l.first = w.links.next
	}
	if w.links.next != nil {
		w.links.next.links.prev = w.links.prev
	}
	w.links = links{}
}
