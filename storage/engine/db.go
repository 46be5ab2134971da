package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage/schema"
)

// DB is one open state engine.
type DB struct {
	dir           string
	flushInterval time.Duration
	log           *slog.Logger
	pdb           *pebble.DB
	fs            vfs.FS // as Pebble sees it

	durable atomic.Uint64 // applied index as of the newest flush
	written atomic.Uint64 // applied index as of the newest commit

	health  health
	probing atomic.Bool   // a probe of the disk is under way
	unwatch func() error  // ends the watch of the disk
	flushMu sync.Mutex    // a flush begins, or closed is closed
	closed  chan struct{} // closed when Close begins
	backoff backoff       // of flushes and LSM compactions that fail
	flushed chan struct{} // 1 deep: a memtable has reached its table
	stop    context.CancelFunc
	loop    sync.WaitGroup
}

// Open opens the engine in dir, which Create has made. It first opens it
// read-only and hands it to check, if that is not nil, which reads what the
// caller cannot do without: so a folder that cannot be used is left as it was.
func Open(dir string, o Options, check func(readOnly *DB) error) (*DB, error) {
	o = o.withDefaults()
	if _, err := Inspect(dir, o, check); err != nil {
		return nil, err
	}
	return open(dir, o)
}

// Create makes an empty engine in dir and opens it.
func Create(dir string, o Options) (*DB, error) {
	o = o.withDefaults()
	if err := o.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, wrap("create folder", err)
	}
	return open(dir, o)
}

// open opens dir for reading and writing, whatever is in it.
func open(dir string, o Options) (*DB, error) {
	d := &DB{
		dir:           dir,
		flushInterval: o.FlushInterval,
		log:           o.Logger,
		flushed:       make(chan struct{}, 1),
		closed:        make(chan struct{}),
	}
	fatal := o.Fatal
	o.Fatal = func(err error) {
		if fatal == nil {
			panic(err)
		}
		fatal(err)
		d.health.noteFatal(err) // who waits for a flush is told after that
	}
	opening := newOpening(&o)
	po := o.pebbleOptions()
	watched, unwatch := d.health.watched(po.FS)
	d.unwatch = unwatch
	po.FS = backoffFS{watched, &d.backoff}
	po.EventListener.FlushEnd = d.noteFlush
	po.EventListener.CompactionEnd = func(i pebble.CompactionInfo) { d.backoff.done(i.Err) }
	po.EventListener.BackgroundError = d.noteBackgroundError
	pdb, err := opening.open(dir, po)
	if err != nil {
		return nil, errors.Join(wrap("open", err), wrap("close", unwatch()))
	}
	d.pdb, d.fs = pdb, po.FS
	if err := d.readDurable(); err != nil {
		return nil, errors.Join(err, wrap("close", pdb.Close()), wrap("close", unwatch()))
	}
	d.written.Store(d.durable.Load())
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	d.loop.Add(1)
	go d.flushLoop(ctx)
	return d, nil
}

// Close stops background work and closes the folder. It does not flush: what
// is not durable is replayed from the log.
func (d *DB) Close() error {
	d.stop()
	d.loop.Wait()
	d.flushMu.Lock()
	close(d.closed)
	d.flushMu.Unlock()
	return errors.Join(wrap("close", d.pdb.Close()), wrap("close", d.unwatch()))
}

// Dir is the folder the engine lives in.
func (d *DB) Dir() string { return d.dir }

// Get returns a copy of the record at a physical key, appended to dst, or
// ErrNotFound.
func (d *DB) Get(dst, key []byte) ([]byte, error) {
	v, closer, err := d.pdb.Get(key)
	if err != nil {
		return nil, wrap("get", err)
	}
	dst = append(dst, v...)
	return dst, wrap("get", closer.Close())
}

// View calls fn with the record at a physical key, without a copy; fn must
// not keep it. found is false, and fn not called, when there is none.
func (d *DB) View(key []byte, fn func(value []byte) error) (found bool, err error) {
	v, closer, err := d.pdb.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return false, nil
	case err != nil:
		return false, wrap("get", err)
	}
	err = fn(v)
	return true, errors.Join(err, wrap("get", closer.Close()))
}

// Checkpoint writes the durable state to a fresh folder by hard links. Flush
// first to have all that was committed in it.
func (d *DB) Checkpoint(dir string) error { return wrap("checkpoint", d.pdb.Checkpoint(dir)) }

// Compact rewrites everything in one sorted level, which gives the space of
// deleted records back.
func (d *DB) Compact(ctx context.Context) error {
	return wrap("compact", d.pdb.Compact(ctx, []byte{0, schema.Sentinel}, []byte{0xff, schema.Sentinel}, true))
}

// Size returns the bytes the folder takes on disk, and an estimate of those
// that hold live records. The second is never above the first: alerts divide
// one by the other. What is still in memtables is in neither: Pebble tells the
// size of their arenas only, 32 MiB each when nothing is in them.
func (d *DB) Size() (total, inUse int64) {
	m := d.pdb.Metrics()
	tables := m.Total()
	total = int64(m.DiskSpaceUsage())
	return total, min(total, tables.AggregateSize())
}

// MemoryBytes is what the block cache and the memtables take.
func (d *DB) MemoryBytes() int64 {
	m := d.pdb.Metrics()
	return m.BlockCache.Size + int64(m.MemTable.Size+m.MemTable.ZombieSize)
}

// Metrics returns Pebble's own figures, for the metrics exporter and tests.
func (d *DB) Metrics() *pebble.Metrics { return d.pdb.Metrics() }

// noteBackgroundError logs what a flush or an LSM compaction failed with.
// Pebble retries it (see backoff); writes stall when that does not help. The
// error is logged as text, without the stack that Pebble's errors carry.
func (d *DB) noteBackgroundError(err error) {
	d.backoff.failed()
	d.health.noteFailure(brief{err})
	d.log.Error("storage engine background work failed", "error", brief{err})
}

// Inspect returns the applied record of the engine in dir, which it opens
// read-only and leaves as it is. It fails when Open would.
func Inspect(dir string, o Options, check func(readOnly *DB) error) (schema.Applied, error) {
	o = o.withDefaults()
	desc, err := pebble.Peek(dir, o.FS)
	if err != nil {
		return schema.Applied{}, fmt.Errorf("%w: %w", ErrCorrupt, wrap("look at folder", err))
	}
	if !desc.Exists {
		return schema.Applied{}, fmt.Errorf("%w: no engine in %s", ErrCorrupt, dir)
	}
	if desc.FormatMajorVersion > formatMajorVersion {
		return schema.Applied{}, fmt.Errorf("%w: %s is of a newer format (%d, this program knows %d)",
			ErrForeign, dir, desc.FormatMajorVersion, formatMajorVersion)
	}
	d, err := OpenReadOnly(dir, o)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return schema.Applied{}, err
	case err != nil:
		return schema.Applied{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	a, err := readApplied(d.pdb, nil)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: no applied record in %s", ErrCorrupt, dir)
	}
	if err == nil && check != nil {
		err = check(d)
	}
	return a, errors.Join(err, d.Close())
}
