package log

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// cacheBytes is small: old entries are read once, by a follower that catches up or at a start.
const cacheBytes = 8 << 20

// Open opens or creates the log in dir. Before anything is written, the folder's contents are recognized and every entry
// is read through a read-only view, so a log that is refused (ErrForeign,
// ErrCorrupt, ErrStraySegments) is left as it was.
func Open(dir string, o Options) (Log, error) {
	o = o.withDefaults()
	if err := checkFailover(dir, o); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	found, err := inspect(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, brief{err})
	}
	s, err := open(dir, o, found)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, brief{err})
	}
	return s, nil
}

// open opens the store for writing; found is what it holds.
func open(dir string, o Options, found *contents) (_ *store, err error) {
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	s := &store{
		cache: pebble.NewCache(cacheBytes),
		fail:  &failure{lg: o.Logger},
		m:     m,
		reg:   o.Registerer,
		hs:    found.hs,
		begin: found.begin,
		last:  found.last,
		tail:  found.tail,
		meta:  found.meta,
	}
	// Pebble flushes what it replays, so everything that was found is durable when it is open.
	s.synced = mark{s.last, s.hs.term, s.hs.vote}
	defer func() {
		if err != nil {
			s.cache.Unref()
			m.unregister(o.Registerer)
		}
	}()
	if s.db, err = pebble.Open(dir, pebbleOptions(o.FS, o.FailoverDir, s.fail, s.cache, false)); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	if !found.whole {
		err = s.db.Set([]byte{keyFormat}, formatValue(), pebble.Sync)
		if err == nil {
			err = s.fail.get()
		}
		if err == nil {
			err = createWatermark(o.FS, dir)
		}
	}
	if err == nil {
		s.mark, err = openWatermark(o.FS, dir, found.seq, found.mark)
	}
	if err == nil {
		err = s.mark.set(s.synced)
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// contents is what inspect found in a folder.
type contents struct {
	whole bool // the log was created to its end; false: nothing is there, or the creation was cut off
	hs    hardState
	begin begin
	last  uint64
	tail  tail
	meta  []byte
	seq   uint64 // of mark
	mark  mark
}

// check verifies what must hold across records: I3, and that the state is within the log.
func (c *contents) check() error {
	switch {
	case c.last < c.mark.last:
		return fmt.Errorf("%w: it ends at %d, entries up to %d were written", ErrCorrupt, c.last, c.mark.last)
	case c.hs.term < c.mark.term:
		return fmt.Errorf("%w: it is at term %d, term %d was written", ErrCorrupt, c.hs.term, c.mark.term)
	case c.hs.term == c.mark.term && c.mark.vote != 0 && c.hs.vote != c.mark.vote:
		return fmt.Errorf("%w: its vote of term %d is %x, %x was written", ErrCorrupt, c.hs.term, c.hs.vote, c.mark.vote)
	case c.hs.commit > c.last:
		return fmt.Errorf("%w: it ends at %d, before its commit index %d", ErrCorrupt, c.last, c.hs.commit)
	}
	return nil
}

// read fills c from an open store.
func (c *contents) read(db *pebble.DB) error {
	it, err := db.NewIter(&pebble.IterOptions{})
	if err != nil {
		return err
	}
	err = c.scan(it)
	return errors.Join(err, it.Close())
}

func (c *contents) scan(it *pebble.Iterator) error {
	empty := true
	for ok := it.First(); ok; ok = it.Next() {
		key, v := it.Key(), it.Value()
		if empty && (len(key) != 1 || key[0] != keyFormat) {
			return fmt.Errorf("%w: it does not begin with the format's name", ErrForeign)
		}
		empty = false
		var err error
		switch {
		case len(key) == 1 && key[0] == keyFormat:
			err = c.readFormat(v)
		case len(key) == 1 && key[0] == keyMetadata:
			c.meta = append([]byte{}, v...)
		case len(key) == 1 && key[0] == keyHardState:
			c.hs, err = decodeHardState(v)
		case len(key) == 1 && key[0] == keyBegin:
			c.begin, err = decodeBegin(v)
			c.last = c.begin.index
		case key[0] == keyEntry:
			err = c.readEntry(key, v)
		default:
			err = fmt.Errorf("%w: key %x", ErrCorrupt, key)
		}
		if err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func (c *contents) readFormat(v []byte) error {
	n := len(formatName)
	if len(v) != n+1 || string(v[:n]) != formatName {
		return fmt.Errorf("%w: it does not begin with the format's name", ErrForeign)
	}
	if v[n] != formatVersion {
		return fmt.Errorf("log: format version %d is newer than this program's %d", v[n], formatVersion)
	}
	c.whole = true
	return nil
}

// readEntry takes the next entry in order (I1). Entries up to begin are left over: they wait to be erased.
func (c *contents) readEntry(key, v []byte) error {
	index, err := decodeEntryKey(key)
	if err != nil {
		return err
	}
	if index <= c.begin.index {
		return nil
	}
	if index != c.last+1 || index == math.MaxUint64 {
		return fmt.Errorf("%w: entry %d follows %d", ErrCorrupt, index, c.last)
	}
	e, err := decodeEntry(index, v)
	if err != nil {
		return err
	}
	c.tail.append1(e)
	c.last = index
	return nil
}
