package watch

// bucket is a set of watchers with the same keys. A watcher knows its place,
// so that removing one of thousands moves one other.
type bucket []*watcher

// add puts w in.
func (b *bucket) add(w *watcher) {
	w.place = len(*b)
	*b = append(*b, w)
}

// remove takes w out.
func (b *bucket) remove(w *watcher) {
	s := *b
	last := len(s) - 1
	s[w.place] = s[last]
	s[w.place].place = w.place
	s[last] = nil
	*b = s[:last]
}

// index finds the watchers of a key: those of exactly this key by a map, those
// of ranges by an interval tree. Not safe by itself: Hub.mu guards it.
type index struct {
	keys   map[string]*bucket
	ranges intervals
}

// add registers w.
func (x *index) add(w *watcher) {
	if !w.span.single {
		x.ranges.add(&w.span).add(w)
		return
	}
	b := x.keys[w.span.lo]
	if b == nil {
		b = new(bucket)
		x.keys[w.span.lo] = b
	}
	b.add(w)
}

// remove forgets w, which must be registered.
func (x *index) remove(w *watcher) {
	if !w.span.single {
		b := x.ranges.find(&w.span)
		b.remove(w)
		if len(*b) == 0 {
			x.ranges.remove(&w.span)
		}
		return
	}
	b := x.keys[w.span.lo]
	b.remove(w)
	if len(*b) == 0 {
		delete(x.keys, w.span.lo)
	}
}

// match calls fn with every watcher of key.
func (x *index) match(key []byte, fn func(*watcher)) {
	if b := x.keys[string(key)]; b != nil {
		for _, w := range *b {
			fn(w)
		}
	}
	x.ranges.root.stab(key, fn)
}
