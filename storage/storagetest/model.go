package storagetest

import (
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
	"github.com/petcd/petcd/storage/schema"
)

// version is what a key held from a revision on.
type version struct {
	mod       int64
	tombstone bool
	kv        *mvccpb.KeyValue // nil for a tombstone
}

// leaseState is one lease of the model.
type leaseState struct{ ttl, remaining int64 }

// Model is a member's state as simply as it can be kept.
type Model struct {
	Revision  int64
	Compacted int64 // -1: never

	V2 *V2Model

	versions map[string][]version // oldest first
	leases   map[int64]leaseState
	changed  bool // by the transaction that is open
}

// NewModel returns the state of a new store.
func NewModel() *Model {
	return &Model{
		Revision:  1,
		Compacted: -1,
		V2:        NewV2Model(),
		versions:  make(map[string][]version),
		leases:    make(map[int64]leaseState),
	}
}

// pending is the revision of a change by the open transaction.
func (m *Model) pending() int64 { return m.Revision + 1 }

// end closes the open transaction.
func (m *Model) end() int64 {
	if m.changed {
		m.Revision++
		m.changed = false
	}
	return m.Revision
}

// current is the revision that the open transaction reads at.
func (m *Model) current() int64 {
	if m.changed {
		return m.pending()
	}
	return m.Revision
}

// at returns a key as of a revision, nil when it did not exist.
func (m *Model) at(key string, revision int64) *mvccpb.KeyValue {
	var kv *mvccpb.KeyValue
	for _, v := range m.versions[key] {
		if v.mod <= revision {
			kv = v.kv
		}
	}
	return kv
}

// keys returns all keys that ever were, in order.
func (m *Model) keys() []string {
	keys := make([]string, 0, len(m.versions))
	for k := range m.versions {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}

// live returns the keys of a range as of a revision, in order.
func (m *Model) live(key, end []byte, revision int64) (kvs []*mvccpb.KeyValue) {
	for _, k := range m.keys() {
		if schema.InRange([]byte(k), key, end) {
			if kv := m.at(k, revision); kv != nil {
				kvs = append(kvs, kv)
			}
		}
	}
	return kvs
}

// put is Tx.Put.
func (m *Model) put(key, value []byte, leaseID int64) error {
	if _, ok := m.leases[leaseID]; leaseID != 0 && !ok {
		return lease.ErrNotFound
	}
	m.changed = true
	kv := &mvccpb.KeyValue{
		Key:            key,
		Value:          value,
		CreateRevision: m.pending(),
		ModRevision:    m.pending(),
		Version:        1,
		Lease:          leaseID,
	}
	if before := m.at(string(key), m.pending()); before != nil {
		kv.CreateRevision = before.CreateRevision
		kv.Version = before.Version + 1
	}
	m.versions[string(key)] = append(m.versions[string(key)], version{mod: m.pending(), kv: kv})
	return nil
}

// deleteRange is Tx.DeleteRange.
func (m *Model) deleteRange(key, end []byte) int64 {
	kvs := m.live(key, end, m.pending())
	for _, kv := range kvs {
		m.changed = true
		k := string(kv.Key)
		m.versions[k] = append(m.versions[k], version{mod: m.pending(), tombstone: true})
	}
	return int64(len(kvs))
}

// read is Range, of a store or of a transaction.
func (m *Model) read(key, end []byte, o mvcc.RangeOptions) (*mvcc.RangeResult, error) {
	current := m.current()
	switch {
	case o.Revision > current:
		return nil, mvcc.ErrFutureRevision
	case o.Revision <= 0:
		o.Revision = current
	case o.Revision < m.Compacted:
		return nil, mvcc.ErrCompacted
	}
	kvs := m.live(key, end, o.Revision)
	r := &mvcc.RangeResult{Count: int64(len(kvs)), Revision: current}
	if o.CountOnly {
		return r, nil
	}
	if o.Limit > 0 && int64(len(kvs)) > o.Limit {
		kvs, r.More = kvs[:o.Limit], true
	}
	for _, kv := range kvs {
		kv := &mvccpb.KeyValue{
			Key: kv.Key, Value: kv.Value, CreateRevision: kv.CreateRevision,
			ModRevision: kv.ModRevision, Version: kv.Version, Lease: kv.Lease,
		}
		if o.KeysOnly {
			kv.Value = nil
		}
		r.KVs = append(r.KVs, kv)
	}
	return r, nil
}

// attached returns the keys of a lease in order.
func (m *Model) attached(id int64) (keys [][]byte) {
	for _, kv := range m.live([]byte{0}, []byte{0}, m.pending()) {
		if kv.Lease == id {
			keys = append(keys, kv.Key)
		}
	}
	return keys
}

// grant is Batch.LeaseGrant.
func (m *Model) grant(id, ttl int64) error {
	if _, ok := m.leases[id]; ok {
		return lease.ErrExists
	}
	m.leases[id] = leaseState{ttl: ttl}
	return nil
}

// checkpoint is Batch.LeaseCheckpoint.
func (m *Model) checkpoint(id, remaining int64) error {
	l, ok := m.leases[id]
	if !ok {
		return lease.ErrNotFound
	}
	l.remaining = remaining
	m.leases[id] = l
	return nil
}

// revoke is Batch.LeaseRevoke.
func (m *Model) revoke(id int64) (int64, error) {
	if _, ok := m.leases[id]; !ok {
		return 0, lease.ErrNotFound
	}
	keys := m.attached(id)
	delete(m.leases, id)
	for _, k := range keys {
		m.deleteRange(k, nil)
	}
	return m.end(), nil
}

// compact is Batch.Compact.
func (m *Model) compact(revision int64) error {
	switch {
	case revision <= m.Compacted:
		return mvcc.ErrCompacted
	case revision > m.Revision:
		return mvcc.ErrFutureRevision
	}
	m.Compacted = revision
	return nil
}
