package engine

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"

	"github.com/petcd/petcd/storage/schema"
)

// comparerName is on disk: Pebble refuses a folder written under another.
const comparerName = "petcd.v1"

// comparer orders keys as package schema lays them out: prefixes bytewise,
// then suffixes bytewise. Because revisions are stored inverted, bytewise is
// newest first.
//
// Pebble defaults ComparePointSuffixes to nothing, and calls Split on bare
// prefixes and on separators as well as on stored keys; schema.Split is total
// for that reason.
var comparer = &pebble.Comparer{
	Name:                 comparerName,
	Split:                schema.Split,
	Compare:              compare,
	Equal:                bytes.Equal,
	ComparePointSuffixes: bytes.Compare,
	CompareRangeSuffixes: bytes.Compare,
	AbbreviatedKey:       func(key []byte) uint64 { return pebble.DefaultComparer.AbbreviatedKey(key[:schema.Split(key)]) },
	Separator:            separator,
	Successor:            successor,
	ImmediateSuccessor:   func(dst, a []byte) []byte { return append(append(dst, a...), schema.Sentinel) },
}

// compare is the order of physical keys.
func compare(a, b []byte) int {
	as, bs := schema.Split(a), schema.Split(b)
	if c := bytes.Compare(a[:as], b[:bs]); c != 0 {
		return c
	}
	return bytes.Compare(a[as:], b[bs:])
}

// separator appends a short key k with a <= k < b: a shortened body and the
// sentinel, or a itself.
func separator(dst, a, b []byte) []byte {
	aBody, ok := body(a)
	if !ok {
		return append(dst, a...)
	}
	bBody, ok := body(b)
	if !ok || bytes.Equal(aBody, bBody) {
		return append(dst, a...)
	}
	n := len(dst)
	dst = pebble.DefaultComparer.Separator(dst, aBody, bBody)
	if bytes.Equal(dst[n:], aBody) {
		return append(dst[:n], a...)
	}
	return append(dst, schema.Sentinel)
}

// successor appends a short key k with a <= k.
func successor(dst, a []byte) []byte {
	aBody, ok := body(a)
	if !ok {
		if len(a) == 0 {
			return append(dst, schema.Sentinel)
		}
		return append(dst, a...)
	}
	n := len(dst)
	dst = pebble.DefaultComparer.Successor(dst, aBody)
	if bytes.Equal(dst[n:], aBody) {
		return append(dst[:n], a...)
	}
	return append(dst, schema.Sentinel)
}

// body is the part of a key's prefix before its sentinel; false when there is
// none to shorten.
func body(key []byte) ([]byte, bool) {
	n := schema.Split(key)
	if n < 2 || key[n-1] != schema.Sentinel {
		return nil, false
	}
	return key[:n-1], true
}
