package engine

import "github.com/cockroachdb/pebble/v2"

// IterOptions bound an iterator. The zero value sees everything.
type IterOptions struct {
	Lower, Upper []byte // physical keys, [Lower, Upper); nil: unbounded
}

// pebble translates the options. Filters are read in the last level too: most
// seeks for one key are for keys that may not exist, and a filter is smaller
// than the block it saves.
func (o IterOptions) pebble() *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: o.Lower, UpperBound: o.Upper, UseL6Filters: true}
}

// Iter walks records in key order, on the state as of its creation. Key and
// Value are valid until the next move. It belongs to one goroutine; Close it.
type Iter struct{ it *pebble.Iterator }

// NewIter returns an iterator over all that is committed now.
func (d *DB) NewIter(o IterOptions) (*Iter, error) {
	it, err := d.pdb.NewIter(o.pebble())
	if err != nil {
		return nil, wrap("iterate", err)
	}
	return &Iter{it: it}, nil
}

// First moves to the first record within the bounds.
func (i *Iter) First() bool { return i.it.First() }

// Next moves to the next record.
func (i *Iter) Next() bool { return i.it.Next() }

// Prev moves to the record before.
func (i *Iter) Prev() bool { return i.it.Prev() }

// NextPrefix moves to the first record of the next prefix, passing over the
// other versions of this user key.
func (i *Iter) NextPrefix() bool { return i.it.NextPrefix() }

// SeekGE moves to the first record at or after key.
func (i *Iter) SeekGE(key []byte) bool { return i.it.SeekGE(key) }

// SeekLT moves to the last record before key.
func (i *Iter) SeekLT(key []byte) bool { return i.it.SeekLT(key) }

// SeekPrefixGE moves to the first record at or after key that has key's
// prefix; bloom filters spare the read when there is none. After it only Next
// is allowed, and it stays within the prefix.
func (i *Iter) SeekPrefixGE(key []byte) bool { return i.it.SeekPrefixGE(key) }

// SetBounds replaces the bounds and leaves the iterator unpositioned. The
// slices are copied.
func (i *Iter) SetBounds(lower, upper []byte) { i.it.SetBounds(lower, upper) }

// Clone returns another iterator over the same state, with its own bounds.
func (i *Iter) Clone(o IterOptions) (*Iter, error) {
	it, err := i.it.Clone(pebble.CloneOptions{IterOptions: o.pebble()})
	if err != nil {
		return nil, wrap("iterate", err)
	}
	return &Iter{it: it}, nil
}

// Key is the physical key of the current record.
func (i *Iter) Key() []byte { return i.it.Key() }

// Value is the value of the current record.
func (i *Iter) Value() ([]byte, error) {
	v, err := i.it.ValueAndErr()
	if err != nil {
		return nil, wrap("read value", err)
	}
	return v, nil
}

// Err tells the end of the records from a failure. Check it after the last
// move that returned false.
func (i *Iter) Err() error { return wrap("iterate", i.it.Error()) }

// Close frees the iterator. It returns the first error the iterator met.
func (i *Iter) Close() error { return wrap("iterate", i.it.Close()) }
