package storage

import "context"

// Defragment makes the engine give back the space of what was deleted, beyond
// what it does by itself. Reads and writes go on meanwhile. When ctx ends
// first, what was done stays.
func (s *Store) Defragment(ctx context.Context) error {
	st, err := s.acquire()
	if err != nil {
		return err
	}
	defer st.release()
	if err := st.db.Flush(); err != nil {
		return err
	}
	return st.db.Compact(ctx)
}
