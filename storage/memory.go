package storage

// MemoryBytes is what the block cache, the memtables and what is kept for
// readers take.
func (s *Store) MemoryBytes() int64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.db.MemoryBytes() + st.kv.RecentBytes() + st.v2.RecentBytes()
}
