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
	v, err := st.db.Get([]byte{}, schema.AppendRecordKey(nil, t, key))
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

// Records returns a table's small records by key.
func (s *Store) Records(t Table) (records []Record, err error) {
	st, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer st.release()
	lower, upper := schema.TableBounds(t)
	it, err := st.db.NewIter(engine.IterOptions{Lower: lower, Upper: upper})
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
		records = append(records, Record{Key: slices.Clone(key), Value: slices.Clone(value)})
	}
	return records, it.Err()
}

// SetRecord writes a small record.
func (b *Batch) SetRecord(t Table, key, value []byte) error {
	return b.eb.Set(schema.AppendRecordKey(nil, t, key), value)
}

// DeleteRecord removes a small record.
func (b *Batch) DeleteRecord(t Table, key []byte) error {
	return b.eb.Delete(schema.AppendRecordKey(nil, t, key))
}
