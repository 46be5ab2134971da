package storage

import "github.com/petcd/petcd/storage/v2store"

// V2 is the edit's part in the v2 tree.
func (e *Edit) V2() *v2store.Writer {
	if e.v2 == nil {
		e.v2 = e.st.v2.NewWriter(e.b, &v2store.Counters{})
	}
	return e.v2
}

// V2Walk is v2store.Tree.Walk.
func (s *Store) V2Walk(fn func(path string, n v2store.Stored) error) error {
	st, err := s.acquire()
	if err != nil {
		return err
	}
	defer st.release()
	return st.v2.Walk(fn)
}
