package mvcc

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// view is a reader's fixed sight of the store: an iterator and the revision to
// read at.
type view struct {
	it       *engine.Iter
	revision int64 // read at
	current  int64 // the store's revision when the view was opened
	// compacted is the compact revision when the view was opened. What was
	// removed for a newer one is still there.
	compacted int64

	counts  coverer // live keys as of the revision counted
	counted int64
	past    past // counts as of older revisions

	// headsExact says that the heads table, as the iterator sees it, is that
	// of revision. Otherwise it may be of a newer one.
	headsExact bool
}

// view opens a reader at a revision, 0 or less for the newest. Close it.
func (s *Store) view(revision int64) (*view, error) {
	for {
		v, err := s.tryView(revision)
		if revision <= 0 && errors.Is(err, ErrCompacted) {
			continue // a batch came between that wrote and compacted what it wrote
		}
		return v, err
	}
}

// tryView is view, but may fail with ErrCompacted for the newest revision too.
func (s *Store) tryView(revision int64) (*view, error) {
	before := s.commits.Load()
	p := s.published.Load()
	current := p.revision
	if revision > current {
		return nil, ErrFutureRevision
	}
	if revision <= 0 {
		revision = current
	}
	it, err := s.db.NewIter(engine.IterOptions{})
	if err != nil {
		return nil, err
	}
	after := s.commits.Load()
	// I2: the iterator is open, so what compaction removes from here on is
	// still in it.
	compacted := s.compacted.Load()
	if revision < compacted {
		_ = it.Close()
		return nil, ErrCompacted
	}
	return &view{
		it:         it,
		revision:   revision,
		current:    current,
		compacted:  compacted,
		counts:     p.counts,
		counted:    current,
		past:       p.past,
		headsExact: revision == current && before == after && before%2 == 0,
	}, nil
}

// close frees the view's iterator. Errors of the iterator were met while
// reading.
func (v *view) close() { _ = v.it.Close() }

// ctxEvery is the number of records between two looks at the context.
const ctxEvery = 512

// item is a live key that a scan visits. Its slices are valid until the scan
// goes on.
type item struct {
	key   []byte
	mod   int64
	value schema.Version
}

// fill sets all of a KeyValue but the key and the value.
func (it *item) fill(kv *mvccpb.KeyValue) {
	kv.CreateRevision = it.value.Create
	kv.ModRevision = it.mod
	kv.Version = it.value.Version
	kv.Lease = it.value.Lease
}

// get finds one key. Bloom filters spare most of the work when it has no
// versions.
func (v *view) get(key []byte) (item, bool, error) {
	var buf [128]byte
	seek := schema.AppendVersionKey(buf[:0], key, schema.LastOf(v.revision))
	if !v.it.SeekPrefixGE(seek) {
		return item{}, false, v.it.Err()
	}
	return v.item()
}

// item decodes the version the iterator is on; false for a tombstone.
func (v *view) item() (item, bool, error) {
	key, mod, err := schema.DecodeVersionKey(v.it.Key())
	if err != nil {
		return item{}, false, corrupt(err)
	}
	raw, err := v.it.Value()
	if err != nil {
		return item{}, false, err
	}
	version, err := schema.DecodeVersion(raw)
	if err != nil {
		return item{}, false, corrupt(err)
	}
	return item{key: key, mod: mod.Main, value: version}, !version.Tombstone, nil
}

// nextsBeforeSeek is the number of newer versions of a key that are stepped
// over before a seek is taken to be cheaper.
const nextsBeforeSeek = 8

// scan visits the live keys of [key, end) in order until fn returns false.
func (v *view) scan(ctx context.Context, key, end []byte, fn func(item) bool) error {
	v.it.SetBounds(schema.AppendBounds(nil, nil, schema.TableVersions, key, end))
	var seek []byte
	steps, newer := 0, 0
	for ok := v.it.First(); ok; {
		if steps++; steps%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k, r, err := schema.DecodeVersionKey(v.it.Key())
		if err != nil {
			return corrupt(err)
		}
		if r.Main > v.revision {
			if newer++; newer < nextsBeforeSeek {
				ok = v.it.Next()
				continue
			}
			newer = 0
			seek = schema.AppendVersionKey(seek[:0], k, schema.LastOf(v.revision))
			ok = v.it.SeekGE(seek)
			continue
		}
		newer = 0
		it, live, err := v.item()
		if err != nil {
			return err
		}
		if live && !fn(it) {
			return nil
		}
		ok = v.it.NextPrefix()
	}
	return v.it.Err()
}

// scanHeads is scan without values, from the smaller heads table. It needs
// headsExact.
func (v *view) scanHeads(ctx context.Context, key, end []byte, fn func(item) bool) error {
	v.it.SetBounds(schema.AppendBounds(nil, nil, schema.TableHeads, key, end))
	steps := 0
	for ok := v.it.First(); ok; ok = v.it.Next() {
		if steps++; steps%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k, err := schema.RecordBody(v.it.Key())
		if err != nil {
			return corrupt(err)
		}
		raw, err := v.it.Value()
		if err != nil {
			return err
		}
		h, err := schema.DecodeHead(raw)
		if err != nil {
			return corrupt(err)
		}
		it := item{key: k, mod: h.Mod.Main, value: schema.Version{Create: h.Create, Version: h.Version, Lease: h.Lease}}
		if !fn(it) {
			return nil
		}
	}
	return v.it.Err()
}
