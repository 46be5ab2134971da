package mvcc

import (
	"bytes"

	"github.com/petcd/petcd/storage/schema"
)

// Row is one version of a key, with its revision. Slices are valid until the
// walk goes on.
type Row struct {
	Key     []byte
	Mod     schema.Revision
	Version schema.Version
}

// Rows calls fn with every version that compaction leaves, in key order and
// the newest first, however far removal has come: all above the compact
// revision and, of each key, the newest up to it, unless that is a deletion
// below it.
func (s *Store) Rows(fn func(Row) error) error {
	v, err := s.view(0)
	if err != nil {
		return err
	}
	defer v.close()
	v.it.SetBounds(schema.TableBounds(schema.TableVersions))
	var last []byte
	begun, done := false, false // done: the rest of this key's versions are superseded
	for ok := v.it.First(); ok; ok = v.it.Next() {
		key, mod, err := schema.DecodeVersionKey(v.it.Key())
		if err != nil {
			return corrupt(err)
		}
		if !begun || !bytes.Equal(key, last) {
			last, begun, done = append(last[:0], key...), true, false
		}
		if done {
			continue
		}
		raw, err := v.it.Value()
		if err != nil {
			return err
		}
		version, err := schema.DecodeVersion(raw)
		if err != nil {
			return corrupt(err)
		}
		done = mod.Main <= v.compacted
		if done && version.Tombstone && mod.Main < v.compacted {
			continue
		}
		if err := fn(Row{Key: key, Mod: mod, Version: version}); err != nil {
			return err
		}
	}
	return v.it.Err()
}
