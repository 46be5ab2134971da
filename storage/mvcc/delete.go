package mvcc

import (
	"errors"

	"github.com/petcd/petcd/storage/engine"
	"github.com/petcd/petcd/storage/schema"
)

// DeleteRange deletes the live keys in [key, end). It calls deleted, when it
// is not nil, for each of them in order with the head it had.
func (t *Tx) DeleteRange(key, end []byte, deleted func(key []byte, was schema.Head) error) (int64, error) {
	if len(end) == 0 {
		return t.deleteOne(key, deleted)
	}
	keys, err := t.liveKeys(key, end)
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if _, err := t.deleteOne(k, deleted); err != nil {
			return 0, err
		}
	}
	return int64(len(keys)), nil
}

// deleteOne deletes a key if it is live.
func (t *Tx) deleteOne(key []byte, deleted func([]byte, schema.Head) error) (int64, error) {
	h, err := t.head(key)
	if err != nil || !h.live {
		return 0, err
	}
	mod := t.next()
	if err := t.w.setTombstone(key, mod); err != nil {
		return 0, err
	}
	if err := t.w.setChange(mod, schema.Change{Tombstone: true, Key: key}); err != nil {
		return 0, err
	}
	if err := t.w.deleteHead(key); err != nil {
		return 0, err
	}
	t.w.counts.Add(key, -1)
	was := h.Head
	t.w.touch(h)
	h.Head, h.live, h.value = schema.Head{}, false, nil
	t.w.events = append(t.w.events, Event{Key: key, Mod: mod})
	if deleted != nil {
		err = deleted(key, was)
	}
	return 1, err
}

// liveKeys lists the keys of [key, end) that are live to the transaction.
func (t *Tx) liveKeys(key, end []byte) (keys [][]byte, err error) {
	if emptyRange(key, end) {
		return nil, nil
	}
	lower, upper := schema.AppendBounds(nil, nil, schema.TableHeads, key, end)
	it, err := t.iter(engine.IterOptions{Lower: lower, Upper: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		k, err := schema.RecordBody(it.Key())
		if err != nil {
			return nil, corrupt(err)
		}
		keys = append(keys, append([]byte(nil), k...))
	}
	return keys, it.Err()
}
