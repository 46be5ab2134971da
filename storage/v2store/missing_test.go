package v2store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMissingLooksNoFurtherThanWhatIsThere: a path of a million names under a directory costs one look-up for each name that
// there is, and one.
func TestMissingLooksNoFurtherThanWhatIsThere(t *testing.T) {
	tree := map[string]bool{"/1": true, "/1/dir": true, "/1/dir/file": false}
	deep := strings.Repeat("/a", 1<<20)
	for path, want := range map[string]struct {
		refusal Error
		looks   int
	}{
		"/1/a":               {Error{CodeKeyNotFound, "/1/a", 7}, 1},
		"/1/dir/a":           {Error{CodeKeyNotFound, "/1/dir/a", 7}, 2},
		"/3/a":               {Error{CodeKeyNotFound, "/3", 7}, 1},
		"/3":                 {Error{CodeKeyNotFound, "/3", 7}, 0},
		"/1" + deep:          {Error{CodeKeyNotFound, "/1/a", 7}, 2},
		"/1/dir" + deep:      {Error{CodeKeyNotFound, "/1/dir/a", 7}, 3},
		"/1/dir/file" + deep: {Error{CodeNotDir, "/1/dir/file", 7}, 3},
	} {
		looks := 0
		err := missing(path, 7, func(p string) (dir, ok bool, err error) {
			looks++
			dir, ok = tree[p]
			return dir, ok, nil
		})
		require.Equal(t, &want.refusal, err)
		require.Equal(t, want.looks, looks)
	}
}
