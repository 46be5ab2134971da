package storage

// MemoryBytes is what the block cache and the memtables take.
func (s *Store) MemoryBytes() int64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.db.MemoryBytes()
}
