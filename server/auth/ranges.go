package auth

import (
	"bytes"
	"slices"
	"sort"

	"go.etcd.io/etcd/api/v3/authpb"
)

// span is the keys from begin up to, not including, end. An end of nil is that of all keys.
type span struct{ begin, end []byte }

// ranges are sets of keys as disjoint spans in order, none touching the next.
type ranges []span

// isFromKey tells whether end is etcd's mark for "every key from the first on".
func isFromKey(end []byte) bool { return len(end) == 1 && end[0] == 0 }

// newSpan is the keys that a permission or a request names by etcd's convention. An empty end is the one key. It is false
// for what names no key: the empty key is none, and neither is a range that ends before it begins.
func newSpan(key, end []byte) (span, bool) {
	switch {
	case len(key) == 0:
		return span{}, false
	case len(end) == 0:
		return span{key, append(bytes.Clone(key), 0)}, true
	case isFromKey(end):
		return span{key, nil}, true
	}
	return span{key, end}, bytes.Compare(key, end) < 0
}

// isValidRange tells whether a permission on [key, end) can be granted.
func isValidRange(key, end []byte) bool {
	_, ok := newSpan(key, end)
	return ok
}

// mergeRanges is the union of what permissions name.
func mergeRanges(perms []*authpb.Permission) ranges {
	all := make(ranges, 0, len(perms))
	for _, p := range perms {
		if s, ok := newSpan(p.GetKey(), p.GetRangeEnd()); ok {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b span) int { return bytes.Compare(a.begin, b.begin) })
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && merged[n-1].reaches(s.begin) {
			merged[n-1].end = laterEnd(merged[n-1].end, s.end)
			continue
		}
		merged = append(merged, s)
	}
	return slices.Clip(merged)
}

// reaches tells whether nothing lies between the span and key.
func (s span) reaches(key []byte) bool { return s.end == nil || bytes.Compare(s.end, key) >= 0 }

// laterEnd is the greater of two ends.
func laterEnd(a, b []byte) []byte {
	if a == nil || b == nil {
		return nil
	}
	if bytes.Compare(a, b) >= 0 {
		return a
	}
	return b
}

// contain tells whether all keys of the range that a request names are in the set. Of a range that ends before it begins
// only its first key counts, as in etcd.
func (rs ranges) contain(key, end []byte) bool {
	i := sort.Search(len(rs), func(i int) bool { return bytes.Compare(rs[i].begin, key) > 0 }) - 1
	if i < 0 || len(key) == 0 {
		return false
	}
	last := rs[i].end
	switch {
	case last == nil:
		return true
	case bytes.Compare(key, last) >= 0, isFromKey(end):
		return false
	}
	return len(end) == 0 || bytes.Compare(end, last) <= 0
}
