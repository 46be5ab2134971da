package mvcc

import (
	"fmt"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// touch marks a head as changed by the batch.
func (w *Writer) touch(h *head) {
	if !h.dirty {
		h.dirty = true
		w.dirty = append(w.dirty, h)
	}
}

// setVersion writes a put's record of the versions table.
func (w *Writer) setVersion(key, value []byte, h schema.Head) error {
	var buf [schema.VersionHeaderLenMax]byte
	header := schema.AppendVersionHeader(buf[:0], h.Create, h.Version, h.Lease)
	r := w.b.Reserve(len(key)+2+schema.VersionSuffixLen, len(header)+len(value))
	schema.AppendVersionKey(r.Key[:0], key, h.Mod)
	copy(r.Value, header)
	copy(r.Value[len(header):], value)
	return r.Done()
}

// setTombstone writes a deletion's record of the versions table.
func (w *Writer) setTombstone(key []byte, mod schema.Revision) error {
	r := w.b.Reserve(len(key)+2+schema.VersionSuffixLen, 1)
	schema.AppendVersionKey(r.Key[:0], key, mod)
	schema.AppendTombstone(r.Value[:0])
	return r.Done()
}

// setChange writes the record of the revisions table.
func (w *Writer) setChange(mod schema.Revision, c schema.Change) error {
	r := w.b.Reserve(schema.RevisionKeyLen, 1+len(c.Key))
	schema.AppendRevisionKey(r.Key[:0], mod)
	schema.AppendChange(r.Value[:0], c)
	return r.Done()
}

// setHead writes the record of the heads table.
func (w *Writer) setHead(key []byte, h schema.Head) error {
	var buf [schema.HeadLenMax]byte
	value := schema.AppendHead(buf[:0], h)
	r := w.b.Reserve(len(key)+2, len(value))
	schema.AppendRecordKey(r.Key[:0], schema.TableHeads, key)
	copy(r.Value, value)
	return r.Done()
}

// deleteHead removes the record of the heads table.
func (w *Writer) deleteHead(key []byte) error {
	var buf [128]byte
	return w.b.Delete(schema.AppendRecordKey(buf[:0], schema.TableHeads, key))
}

// value reads the value of a version that is known to exist.
func (s *Store) value(key []byte, mod schema.Revision) (value []byte, err error) {
	var buf [128]byte
	found, err := s.db.View(schema.AppendVersionKey(buf[:0], key, mod), func(b []byte) error {
		v, err := schema.DecodeVersion(b)
		if len(v.Value) > 0 {
			value = append([]byte(nil), v.Value...)
		}
		return corrupt(err)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no version at revision %d.%d of a key whose head names it", engine.ErrCorrupt, mod.Main, mod.Sub)
	}
	return value, err
}
