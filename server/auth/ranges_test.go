package auth

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	"pgregory.net/rapid"
)

// TestRangesAgreeWithASet compares merged spans with the naive answer: a range may be read if each of its keys lies in some
// permission. The keys are few, so that all of them can be listed; one beyond them stands for those without end.
func TestRangesAgreeWithASet(t *testing.T) {
	keys := allKeys("\x00ab", 3)
	beyond := []byte("zzzz")
	key := rapid.Map(rapid.SampledFrom(keys), func(k []byte) []byte { return k })
	end := rapid.OneOf(key, rapid.SampledFrom([][]byte{nil, {}, {0}}))
	rapid.Check(t, func(t *rapid.T) {
		var perms []*authpb.Permission
		for range rapid.IntRange(0, 6).Draw(t, "permissions") {
			perms = append(perms, &authpb.Permission{Key: key.Draw(t, "from"), RangeEnd: end.Draw(t, "to")})
		}
		merged := mergeRanges(perms)
		for i := range merged {
			if i > 0 {
				require.Negative(t, bytes.Compare(merged[i-1].end, merged[i].begin), "spans neither overlap nor touch")
			}
		}
		k, e := key.Draw(t, "key"), end.Draw(t, "end")
		if len(e) > 0 && !isFromKey(e) && bytes.Compare(k, e) >= 0 {
			e = nil // etcd's rule for what ends before it begins
		}
		want := true
		for _, asked := range append(keys, beyond) {
			if named(asked, k, e) && !anyNames(perms, asked) {
				want = false
			}
		}
		require.Equal(t, want, merged.contain(k, e), "[%q, %q) in %v", k, e, perms)
	})
}

// allKeys are the keys of up to n of these letters, but for the empty one.
func allKeys(letters string, n int) (keys [][]byte) {
	last := [][]byte{nil}
	for range n {
		var next [][]byte
		for _, k := range last {
			for _, c := range []byte(letters) {
				next = append(next, append(bytes.Clone(k), c))
			}
		}
		keys, last = append(keys, next...), next
	}
	return keys
}

// named tells whether the range [key, end) holds k.
func named(k, key, end []byte) bool {
	switch {
	case len(end) == 0:
		return bytes.Equal(k, key)
	case isFromKey(end):
		return bytes.Compare(k, key) >= 0
	}
	return bytes.Compare(k, key) >= 0 && bytes.Compare(k, end) < 0
}

func anyNames(perms []*authpb.Permission, k []byte) bool {
	for _, p := range perms {
		if named(k, p.Key, p.RangeEnd) {
			return true
		}
	}
	return false
}

func TestRanges(t *testing.T) {
	perm := func(key, end string) *authpb.Permission {
		return &authpb.Permission{Key: []byte(key), RangeEnd: []byte(end)}
	}
	rs := mergeRanges([]*authpb.Permission{perm("c", "e"), perm("a", "c"), perm("x", "\x00"), perm("", "\x00"), perm("g", "f"), perm("k", "")})
	for _, tc := range []struct {
		key, end string
		want     bool
	}{
		{"a", "e", true}, {"a", "", true}, {"d", "e", true}, {"e", "", false}, {"a", "f", false}, {"a", "\x00", false},
		{"k", "", true}, {"k", "k\x00", true}, {"k", "l", false}, {"x", "\x00", true}, {"x", "", true}, {"zz", "zzz", true},
		{"w", "\x00", false}, {"b", "a", true}, {"f", "e", false}, {"", "", false}, {"", "\x00", false}, {"\x00", "\x00", false},
	} {
		require.Equal(t, tc.want, rs.contain([]byte(tc.key), []byte(tc.end)), "%q %q", tc.key, tc.end)
	}
}
