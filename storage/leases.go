package storage

import "errors"

// LeaseInfo is one lease, in seconds.
type LeaseInfo struct {
	ID           int64
	TTL          int64
	RemainingTTL int64    // 0: no checkpoint yet, the full TTL
	Keys         [][]byte // in order; not filled in by Leases
}

// Lease returns a lease with the keys attached to it.
func (s *Store) Lease(id int64) (LeaseInfo, bool, error) {
	st, err := s.acquire()
	if err != nil {
		return LeaseInfo{}, false, err
	}
	defer st.release()
	l, ok := st.leases.Get(id)
	if !ok {
		return LeaseInfo{}, false, nil
	}
	keys, err := st.leases.Keys(id)
	return LeaseInfo{ID: l.ID, TTL: l.TTL, RemainingTTL: l.Remaining, Keys: keys}, err == nil, err
}

// LeaseExists says whether a lease is granted, without reading its keys.
func (s *Store) LeaseExists(id int64) bool {
	st, err := s.acquire()
	if err != nil {
		return false
	}
	defer st.release()
	_, ok := st.leases.Get(id)
	return ok
}

// Leases returns all leases by id, without their keys.
func (s *Store) Leases() []LeaseInfo {
	st, err := s.acquire()
	if err != nil {
		return nil
	}
	defer st.release()
	all := st.leases.All()
	infos := make([]LeaseInfo, len(all))
	for i, l := range all {
		infos[i] = LeaseInfo{ID: l.ID, TTL: l.TTL, RemainingTTL: l.Remaining}
	}
	return infos
}

// LeaseExists says whether a lease is granted, as of all that the batch did.
func (b *Batch) LeaseExists(id int64) bool { return b.leases.Exists(id) }

// LeaseKeys are the keys attached to a lease in order, as of all that the
// batch did; none when there is no such lease.
func (b *Batch) LeaseKeys(id int64) ([][]byte, error) { return b.leases.Keys(id) }

// LeaseGrant adds a lease of ttl seconds; lease.ErrExists when there is one.
func (b *Batch) LeaseGrant(id, ttl int64) error { return b.leases.Grant(id, ttl) }

// LeaseCheckpoint notes how many seconds a lease has left, so that the next
// leader does not begin its full time again; lease.ErrNotFound.
func (b *Batch) LeaseCheckpoint(id, remaining int64) error {
	return b.leases.Checkpoint(id, remaining)
}

// LeaseRevoke removes a lease and deletes its keys in order, in one revision,
// which it returns; lease.ErrNotFound.
func (b *Batch) LeaseRevoke(id int64) (revision int64, err error) {
	keys, err := b.leases.Revoke(id)
	if err != nil {
		return 0, err
	}
	tx := b.Begin()
	for _, k := range keys {
		_, e := tx.DeleteRange(k, nil)
		err = errors.Join(err, e)
	}
	return tx.End(), err
}
