package storage

import (
	"errors"
	"slices"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// Table is one of the tables of small records that the server keeps in the
// state. Keys and values are the server's own.
type Table = schema.Table

// The tables that Record and SetRecord take.
const (
	TableMembers        = schema.TableMembers
	TableRemovedMembers = schema.TableRemovedMembers
	TableAlarms         = schema.TableAlarms
	TableMeta           = schema.TableMeta
	TableAuth           = schema.TableAuth
	TableAuthUsers      = schema.TableAuthUsers
	TableAuthRoles      = schema.TableAuthRoles
)

// Record is one small record.
type Record struct{ Key, Value []byte }

// Record returns the value of a small record, nil when there is none.
func (s *Store) Record(t Table, key []byte) ([]byte, error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	return record(st.db, t, key)
}

// record is Store.Record of an open engine.
func record(db *engine.DB, t Table, key []byte) ([]byte, error) {
	v, err := db.Get([]byte{}, schema.AppendRecordKey(nil, t, key))
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

// Records returns a table's small records by key.
func (s *Store) Records(t Table) ([]Record, error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	return records(st.db, t)
}

// records is Store.Records of an open engine.
func records(db *engine.DB, t Table) (found []Record, err error) {
	lower, upper := schema.TableBounds(t)
	it, err := db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		key, err := schema.RecordBody(it.Key())
		if err != nil {
			return nil, errors.Join(ErrCorrupt, err)
		}
		value, err := it.Value()
		if err != nil {
			return nil, err
		}
		found = append(found, Record{Key: slices.Clone(key), Value: slices.Clone(value)})
	}
	return found, it.Err()
}

// SetRecord writes a small record.
func (b *Batch) SetRecord(t Table, key, value []byte) error {
	return b.eb.Set(schema.AppendRecordKey(nil, t, key), value)
}

// DeleteRecord removes a small record.
func (b *Batch) DeleteRecord(t Table, key []byte) error {
	return b.eb.Delete(schema.AppendRecordKey(nil, t, key))
}
