package v2store

import (
	"fmt"
	"math"
	"strings"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Request is a change that somebody asks for. Times are nanoseconds of Unix
// time, and come from whoever proposed it.
type Request struct {
	Path       string
	Value      string
	Dir        bool
	Unique     bool   // Create: the node's name is made of the index, below Path
	Recursive  bool   // Delete: a directory with all that is in it
	Refresh    bool   // keep the value, and let watchers sleep
	PrevValue  string // compare: "" matches any
	PrevIndex  uint64 // compare: 0 matches any
	Expiration int64  // 0: never
	Now        int64  // times to live count from here
}

// Writer is the tree's part in one batch of the apply loop. Before the batch
// is committed call Seal; then Publish, or Drop when it was not committed.
//
// Its operations return *Error for a refusal, which changed nothing; any other
// error leaves the batch unusable.
type Writer struct {
	t        *Tree
	b        *engine.Batch
	counters *Counters

	index   uint64
	wrote   bool  // the batch has records of the tree
	expires int64 // no expiration that the batch added is sooner
	expired int64 // nothing that expires before is left
	changes []Change
	touched []string // the paths whose records were written or removed
	auth    bool     // a record at or below authRoot was written
	buf     []byte   // for records that are encoded before they are written
}

// Change is an event with what only watchers want to know of it.
type Change struct {
	Event *Event
	// Removed are the paths that went with a directory, without its own.
	Removed []string
}

// authRoot is the beginning of the paths that authentication keeps its documents at.
const authRoot = "/2"

// TouchedAuth tells whether the batch may have changed something at or below /2.
func (w *Writer) TouchedAuth() bool { return w.auth }

// touch notes that the record at a path is written, or removed with all under it.
func (w *Writer) touch(path string) {
	w.wrote = true
	w.touched = append(w.touched, path)
	w.auth = w.auth || path == "/" || strings.HasPrefix(path, authRoot)
}

// NewWriter begins to write into b; c counts what it does.
func (t *Tree) NewWriter(b *engine.Batch, c *Counters) *Writer {
	return &Writer{t: t, b: b, counters: c, index: t.Index(), expires: noExpiry, expired: math.MinInt64}
}

// Index is the tree's index, the batch's own changes included.
func (w *Writer) Index() uint64 { return w.index }

// Changes are what the batch did, in order.
func (w *Writer) Changes() []Change { return w.changes }

// Do makes one change: any action but Get and Expire.
func (w *Writer) Do(a Action, r *Request) (*Event, error) {
	e, err := w.do(a, r)
	w.counters.write(a).note(err)
	return e, err
}

func (w *Writer) do(a Action, r *Request) (*Event, error) {
	switch a {
	case Create:
		return w.create(r)
	case Set:
		return w.set(r)
	case Update:
		return w.update(r)
	case CompareAndSwap:
		return w.compareAndSwap(r)
	case Delete:
		return w.delete(r)
	case CompareAndDelete:
		return w.compareAndDelete(r)
	}
	return nil, fmt.Errorf("v2store: %q is not a change", a)
}

// Seal writes what is written once for the whole batch, and begins its commit.
// It comes last.
func (w *Writer) Seal() error {
	w.t.commits.Add(1)
	if !w.wrote {
		return nil
	}
	if err := w.writeEvents(); err != nil {
		return err
	}
	return w.b.Set(indexKey, schema.AppendV2Index(nil, w.index))
}

// Publish shows readers what the committed batch changed.
func (w *Writer) Publish() {
	t := w.t
	// Before the index is published; see recent.
	for _, path := range w.touched {
		w.buf = schema.AppendV2NodeKey(w.buf[:0], path)
		t.recent.Forget(w.buf)
	}
	t.index.Store(w.index)
	t.commits.Add(1)
	t.cache.turn()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expiry.at = min(max(t.expiry.at, w.expired), w.expires)
	t.expiry.changes++
}

// Drop forgets what a batch that was not committed changed.
func (w *Writer) Drop() { w.t.cache.reset() }

// root is what is known of the paths that always exist.
var root = entry{V2Node: schema.V2Node{Dir: true}, live: true}

// look returns what is at a clean path, as of all that the batch did.
func (w *Writer) look(path string) (*entry, error) {
	if isRoot(path) {
		e := root
		return &e, nil
	}
	return w.t.cache.get(w.t.db, path)
}

// find returns the node at a clean path, or why there is none.
func (w *Writer) find(path string) (*entry, error) {
	e, err := w.look(path)
	if err != nil || e.live {
		return e, err
	}
	return nil, missing(path, w.index, func(p string) (dir, ok bool, err error) {
		e, err := w.look(p)
		if err != nil {
			return false, false, err
		}
		return e.Dir, e.live, nil
	})
}

// put makes n the node at a path, where e is what was there.
func (w *Writer) put(path string, e *entry, n schema.V2Node) error {
	was := int64(0)
	if e.live {
		was = e.Expiration
	}
	if err := w.moveExpiry(path, was, n.Expiration); err != nil {
		return err
	}
	w.t.cache.bytes += len(n.Value) - len(e.Value)
	if n.Dir && !(e.live && e.Dir) {
		w.t.cache.made(e)
	}
	e.V2Node, e.live = n, true
	w.touch(path)
	w.buf = schema.AppendV2Node(w.buf[:0], &n)
	r := w.b.Reserve(schema.V2NodeKeyLen(path), len(w.buf))
	schema.AppendV2NodeKey(r.Key[:0], path)
	copy(r.Value, w.buf)
	return r.Done()
}

// moveExpiry keeps the expiries table: 0 stands for none.
func (w *Writer) moveExpiry(path string, from, to int64) error {
	if from == to {
		return nil
	}
	w.wrote = true
	if from != 0 {
		w.buf = schema.AppendV2ExpiryKey(w.buf[:0], from, path)
		if err := w.b.Delete(w.buf); err != nil {
			return err
		}
	}
	if to == 0 {
		return nil
	}
	w.expires = min(w.expires, to)
	w.buf = schema.AppendV2ExpiryKey(w.buf[:0], to, path)
	return w.b.Set(w.buf, nil)
}

// iter opens an iterator that sees what the batch did. The batch pays for its
// index from the first such read on.
func (w *Writer) iter(o engine.IterOptions) (*engine.Iter, error) {
	if !w.wrote {
		return w.t.db.NewIter(o)
	}
	if err := w.b.Index(); err != nil {
		return nil, err
	}
	return w.b.NewIter(o)
}

// refuse makes a refusal of a request as of now.
func (w *Writer) refuse(code Code, cause string) error {
	return &Error{Code: code, Cause: cause, Index: w.index}
}

// readOnly refuses a change of a path that always exists.
func (w *Writer) readOnly(path string) error {
	if isRoot(path) {
		return w.refuse(CodeRootReadOnly, "/")
	}
	return nil
}

// writeEvents writes the batch's events, each in place of the one that is as many before as are kept. They come one after the
// other, as their keys are neighbors, which the engine finds sooner.
func (w *Writer) writeEvents() error {
	for _, c := range w.changes[max(0, len(w.changes)-schema.V2EventsKept):] {
		record := encodeEvent(c.Event)
		w.buf = schema.AppendV2Event(w.buf[:0], &record)
		r := w.b.Reserve(schema.V2EventKeyLen, len(w.buf))
		schema.AppendV2EventKey(r.Key[:0], c.Event.Index)
		copy(r.Value, w.buf)
		if err := r.Done(); err != nil {
			return err
		}
	}
	return nil
}

// earliest is the soonest that a request's expiration may be to count: the
// beginning of the year 2000. What is before it comes of clients whose numbers
// went wrong, and means never.
const earliest = 946_684_800 * int64(1e9)

// expirationOf is when a node that is created shall expire.
func expirationOf(r *Request) int64 {
	if r.Expiration < earliest {
		return 0
	}
	return min(r.Expiration, noExpiry-1)
}
