package storage

// Health is why the disk under the state cannot be relied on now, nil while it
// can; see engine.DB.Health.
func (s *Store) Health() error {
	st, err := s.acquire()
	if err != nil {
		return nil
	}
	defer st.release()
	return st.db.Health()
}

// Stalls counts the times that an operation of the disk under the state was
// found to take too long.
func (s *Store) Stalls() uint64 {
	st, err := s.acquire()
	if err != nil {
		return 0
	}
	defer st.release()
	return st.db.Stalls()
}
