package v2auth

import (
	"bytes"
	"context"
	"encoding/json"
	"path"

	"github.com/petcd/petcd/storage/v2store"
)

// update replaces a document by what change makes of it, again and again until nobody else has changed it in between (I2).
// change gets nil for one that is not there, and its error ends the update.
func update[T any](ctx context.Context, s *Store, dir, name string, read func(string) (*T, uint64, error),
	change func(*T) (T, error)) (none T, err error) {
	for {
		if err := s.log.ReadBarrier(ctx); err != nil {
			return none, err
		}
		old, index, err := read(name)
		if err != nil {
			return none, err
		}
		changed, err := change(old)
		if err != nil {
			return none, err
		}
		if err = s.replace(ctx, path.Join(dir, name), changed, index); !overtaken(err) {
			return changed, err
		}
	}
}

// overtaken tells that a document was changed or removed since it was read: it is to be read again.
func overtaken(err error) bool {
	return refusedWith(err, v2store.CodeTestFailed, v2store.CodeKeyNotFound)
}

// same tells whether two documents are the same in the tree. There, a list that was never changed is null, not empty.
func same(a, b any) bool {
	before, err1 := json.Marshal(a)
	after, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(before, after)
}
