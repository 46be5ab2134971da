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

// V2Walk is v2store.Tree.Walk.
func (s *Saved) V2Walk(fn func(path string, n v2store.Stored) error) error { return s.st.v2.Walk(fn) }

// V2Index is the v2 tree's index.
func (s *Saved) V2Index() uint64 { return s.st.v2.Index() }
