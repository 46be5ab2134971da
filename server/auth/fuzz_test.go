package auth

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
)

// FuzzRanges makes permissions and a question of any bytes, cut at bars. Who is let in at the ends of a range, and just
// beside the ends of permissions within it, must have a permission there.
func FuzzRanges(f *testing.F) {
	f.Add([]byte("a|c|c|e|k||x|\x00"), []byte("b"), []byte("d"))
	f.Add([]byte("|\x00|b|a"), []byte("b"), []byte("\x00"))
	f.Fuzz(func(t *testing.T, text, key, end []byte) {
		parts := bytes.Split(text, []byte("|"))
		var perms []*authpb.Permission
		for i := 0; i+1 < len(parts); i += 2 {
			perms = append(perms, &authpb.Permission{Key: parts[i], RangeEnd: parts[i+1]})
		}
		merged := mergeRanges(perms)
		for i := range merged {
			if i > 0 {
				require.Negative(t, bytes.Compare(merged[i-1].end, merged[i].begin), "spans neither overlap nor touch")
			}
		}
		if !merged.contain(key, end) {
			return
		}
		for _, k := range append(parts, key) {
			for _, beside := range [][]byte{k, append(bytes.Clone(k), 0)} {
				if len(beside) > 0 && named(beside, key, end) {
					require.True(t, anyNames(perms, beside), "%q", beside)
				}
			}
		}
	})
}
