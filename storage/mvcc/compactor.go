package mvcc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// CompactorOptions pace the removal of superseded versions.
type CompactorOptions struct {
	BatchRows int           // changes looked at in one batch; 0: 1000
	Pause     time.Duration // least rest after a batch while the store is written to; 0: 10 ms
	Logger    *slog.Logger  // nil: discards
	Metrics   *CompactionMetrics

	stretchRows int // changes looked at in the order of their keys; 0: 65,536
}

// withDefaults fills in what was left zero.
func (o CompactorOptions) withDefaults() CompactorOptions {
	if o.BatchRows <= 0 {
		o.BatchRows = 1000
	}
	if o.Pause <= 0 {
		o.Pause = 10 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewCompactionMetrics()
	}
	if o.stretchRows <= 0 {
		o.stretchRows = 64 << 10
	}
	return o
}

// Compactor removes what compaction has made unreachable, in the background.
//
// It walks the revisions table up to the compact revision. Of each key that
// was changed it removes all versions but the newest one at the compact
// revision, and in the end that one too if it is a deletion before the compact
// revision. The walked part of the revisions table
// goes with them, except the changes at the compact revision itself: a watch
// may start there. What survives needs no place in the revisions table, since
// HashKV reads versions in key order.
//
// How far it has come (StateScrubbed) is written with each stretch, so that a
// restart goes on from there. Doing a part twice is harmless.
type Compactor struct {
	s *Store
	o CompactorOptions

	wake chan struct{} // 1 deep: the compact revision has moved

	mu       sync.Mutex
	scrubbed int64 // where the next walk begins
	waiters  []waiter
	stopped  bool
}

// waiter is told when removal has reached a revision.
type waiter struct {
	revision int64
	done     chan struct{}
}

// NewCompactor returns the compactor of a store. Run does the work. There is
// at most one per store.
func NewCompactor(s *Store, o CompactorOptions) (*Compactor, error) {
	scrubbed, err := s.stateRevision(schema.StateScrubbed)
	if err != nil {
		return nil, err
	}
	return &Compactor{s: s, o: o.withDefaults(), wake: make(chan struct{}, 1), scrubbed: scrubbed}, nil
}

// Notify says that the compact revision may have moved.
func (c *Compactor) Notify() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Done returns a channel that is closed when all that a compaction at revision
// removes is gone, or when Run has ended: a compactor that does not run, for
// instance because a snapshot has replaced its store, keeps nobody waiting.
func (c *Compactor) Done(revision int64) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := waiter{revision: revision, done: make(chan struct{})}
	if c.stopped || c.scrubbed >= revision {
		close(w.done)
	} else {
		c.waiters = append(c.waiters, w)
	}
	return w.done
}

// reached notes how far removal has come and tells who waits for it.
func (c *Compactor) reached(scrubbed int64, stopped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scrubbed, c.stopped = scrubbed, c.stopped || stopped
	waiting := c.waiters[:0]
	for _, w := range c.waiters {
		if c.stopped || w.revision <= scrubbed {
			close(w.done)
		} else {
			waiting = append(waiting, w)
		}
	}
	c.waiters = waiting
}

// restsPerBatch is how many times as long as a batch the rest after it takes while the store is written to, up to restMax: removal
// then has a tenth of a processor.
const (
	restsPerBatch = 9
	restMax       = 250 * time.Millisecond
)

// rest is how long removal rests after a batch. Once the next compaction has come it is behind, and no longer holds back.
func (c *Compactor) rest(took time.Duration, target int64) time.Duration {
	if c.s.CompactRevision() > target {
		return c.o.Pause
	}
	return max(c.o.Pause, min(restsPerBatch*took, restMax))
}

// retryAfter is how long removal rests after an error of the engine.
const retryAfter = 5 * time.Second

// Run removes until ctx ends. After an error of the engine it rests and goes
// on from where it was.
func (c *Compactor) Run(ctx context.Context) {
	defer func() { c.reached(c.scrubbed, true) }()
	for {
		var retry <-chan time.Time
		for target := c.s.CompactRevision(); c.scrubbed < target; target = c.s.CompactRevision() {
			if err := c.compact(ctx, target); err != nil {
				if ctx.Err() != nil {
					return
				}
				c.o.Logger.Error("removing compacted history failed", "compact_revision", target, "error", err, "retry_after", retryAfter)
				retry = time.After(retryAfter)
				break
			}
		}
		select {
		case <-c.wake:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// compact removes all up to target.
func (c *Compactor) compact(ctx context.Context, target int64) error {
	begun := time.Now()
	walk := compaction{s: c.s, target: target, stretchRows: c.o.stretchRows, from: schema.Revision{Main: max(0, c.scrubbed)}}
	for !walk.finished {
		commits := c.s.commits.Load()
		begunBatch := time.Now()
		if err := walk.batch(ctx, c.o.BatchRows); err != nil {
			return err
		}
		took := time.Since(begunBatch)
		c.o.Metrics.pause.Observe(milliseconds(took))
		if walk.finished || c.s.commits.Load() == commits {
			continue // nobody else needed the engine meanwhile
		}
		select {
		case <-time.After(c.rest(took, target)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	took := time.Since(begun)
	c.o.Metrics.total.Observe(milliseconds(took))
	c.o.Metrics.keys.Add(float64(walk.removed))
	c.o.Metrics.last.Set(float64(time.Now().Unix()))
	c.o.Logger.Info("finished scheduled compaction", "compact_revision", target, "took", took, "versions_removed", walk.removed)
	c.reached(target, false)
	return nil
}

// compaction is one walk over the revisions table up to target, in stretches: of so many changes the keys are sorted, so that those
// whose versions lie side by side are looked at together. By revision each change would read a block of its own.
type compaction struct {
	s           *Store
	target      int64
	stretchRows int // most changes in a stretch

	from     schema.Revision // the first change of the stretch
	next     schema.Revision // the first change after it
	changes  []keyChange     // of the stretch, by key, the newest of each first
	at       int             // the first of them that was not looked at
	resume   []byte          // the version of its key to go on with; nil: the first one
	removed  int             // versions
	finished bool
}

// keyChange is a change of a key.
type keyChange struct {
	key       []byte
	revision  schema.Revision
	tombstone bool
}

// stretchBytesMax is how long the keys of a stretch may be together; the last one may go beyond.
const stretchBytesMax = 16 << 20

// batch looks at the next rows changes, removes what they supersede, and commits that.
func (w *compaction) batch(ctx context.Context, rows int) (err error) {
	if w.at == len(w.changes) {
		if err := w.stretch(ctx); err != nil {
			return err
		}
	}
	versions, err := w.s.db.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, versions.Close()) }()
	b := w.s.db.NewBatch()
	for w.at < len(w.changes) && rows > 0 {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), b.Close())
		}
		if rows, err = w.key(b, versions, rows); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	if w.at < len(w.changes) {
		return b.Commit()
	}
	if err := w.walked(b, w.next); err != nil {
		return errors.Join(err, b.Close())
	}
	w.from, w.finished = w.next, w.next.Main > w.target
	return b.Commit()
}

// stretch reads the next changes.
func (w *compaction) stretch(ctx context.Context) (err error) {
	end := schema.AppendRevisionKey(nil, schema.Revision{Main: w.target + 1})
	it, err := w.s.db.NewIter(engine.IterOptions{Lower: schema.AppendRevisionKey(nil, w.from), Upper: end})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	w.changes, w.at, w.next = w.changes[:0], 0, schema.Revision{Main: w.target + 1}
	bytesLeft := stretchBytesMax
	for ok := it.First(); ok; ok = it.Next() {
		r, err := schema.DecodeRevisionKey(it.Key())
		if err != nil {
			return corrupt(err)
		}
		if len(w.changes) == w.stretchRows || bytesLeft <= 0 {
			w.next = r
			break
		}
		raw, err := it.Value()
		if err != nil {
			return err
		}
		change, err := schema.DecodeChange(raw)
		if err != nil {
			return corrupt(err)
		}
		bytesLeft -= len(change.Key)
		w.changes = append(w.changes, keyChange{bytes.Clone(change.Key), r, change.Tombstone})
		if len(w.changes)%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	slices.SortFunc(w.changes, func(a, b keyChange) int {
		return cmp.Or(bytes.Compare(a.key, b.key), b.revision.Compare(a.revision))
	})
	return it.Err()
}

// key removes the versions of the next key that are older than its newest one up to target, rows of them at most, and in the end that
// one too if it is a deletion before target. It returns what is left of rows: a change that was looked at counts as well.
func (w *compaction) key(b *engine.Batch, versions *engine.Iter, rows int) (int, error) {
	newest := w.changes[w.at]
	if !versions.SeekPrefixGE(schema.AppendVersionKey(nil, newest.key, schema.LastOf(w.target))) {
		return w.nextKey(rows), versions.Err() // removed before a restart
	}
	newestKey := bytes.Clone(versions.Key())
	_, r, err := schema.DecodeVersionKey(newestKey)
	if err != nil {
		return 0, corrupt(err)
	}
	if r.Compare(newest.revision) < 0 {
		return w.nextKey(rows), nil // removed before a restart: the newest was a deletion
	}
	ok := false
	if w.resume != nil {
		ok = versions.SeekPrefixGE(w.resume)
	} else {
		ok = versions.Next()
	}
	for ; ok; ok = versions.Next() {
		if rows <= 0 {
			w.resume = bytes.Clone(versions.Key())
			return 0, nil
		}
		rows--
		if err := w.remove(b, versions.Key()); err != nil {
			return 0, err
		}
	}
	if err := versions.Err(); err != nil {
		return 0, err
	}
	// Last: without it the older ones would be the key's value again.
	if r == newest.revision && newest.tombstone && r.Main < w.target {
		if err := w.remove(b, newestKey); err != nil {
			return 0, err
		}
	}
	return w.nextKey(rows), nil
}

// nextKey goes on to the next key of the stretch, past all changes of this one.
func (w *compaction) nextKey(rows int) int {
	key := w.changes[w.at].key
	for w.resume = nil; w.at < len(w.changes) && bytes.Equal(w.changes[w.at].key, key); w.at++ {
		rows--
	}
	return rows
}

// walked removes the changes before next from the revisions table, but those
// at target, and writes down how far the walk has come.
func (w *compaction) walked(b *engine.Batch, next schema.Revision) error {
	begin, end, scrubbed := w.from, next, next.Main
	if end.Main >= w.target {
		end = schema.Revision{Main: w.target}
		// Short of target until the changes at target were looked at too: then
		// a restart looks at them again.
		scrubbed = w.target - 1
		if next.Main > w.target {
			scrubbed = w.target
		}
	}
	if begin.Compare(end) < 0 {
		if err := b.DeleteRange(schema.AppendRevisionKey(nil, begin), schema.AppendRevisionKey(nil, end)); err != nil {
			return err
		}
	}
	key := schema.AppendRecordKey(nil, schema.TableState, []byte(schema.StateScrubbed))
	return b.Set(key, schema.AppendCompacted(nil, scrubbed))
}

// remove removes a version.
func (w *compaction) remove(b *engine.Batch, key []byte) error {
	w.removed++
	return b.Delete(bytes.Clone(key))
}

// milliseconds is d as the metrics want it.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
