package engine

import (
	"bytes"
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage/schema"
)

// keyGen draws physical keys of records and versions, and bare prefixes.
func keyGen(t *rapid.T, label string) []byte {
	user := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 13, 'a', 0xff}), 0, 4).Draw(t, label)
	table := rapid.SampledFrom([]schema.Table{schema.TableHeads, schema.TableVersions}).Draw(t, label+" table")
	key := schema.AppendRecordKey(nil, table, user)
	if rapid.Bool().Draw(t, label+" versioned") {
		key = schema.AppendVersionSuffix(key, schema.Revision{
			Main: rapid.Int64Range(0, 3).Draw(t, label+" main"),
			Sub:  rapid.Uint32Range(0, 2).Draw(t, label+" sub"),
		})
	}
	return key
}

// TestComparer checks what Pebble requires of a comparer: one order for
// Compare, Equal and the suffixes, bare prefixes first, and separators and
// successors that lie where they must.
func TestComparer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := keyGen(t, "a"), keyGen(t, "b")
		as, bs := schema.Split(a), schema.Split(b)
		want := cmp.Or(bytes.Compare(a[:as], b[:bs]), bytes.Compare(a[as:], b[bs:]))
		require.Equal(t, want, comparer.Compare(a, b))
		require.Equal(t, want == 0, comparer.Equal(a, b))
		if bytes.Equal(a[:as], b[:bs]) {
			require.Equal(t, want, comparer.ComparePointSuffixes(a[as:], b[bs:]))
			require.Equal(t, want, comparer.CompareRangeSuffixes(a[as:], b[bs:]))
		}
		if as < len(a) {
			require.Negative(t, comparer.Compare(a[:as], a))
		}
		if want < 0 {
			s := comparer.Separator(nil, a, b)
			require.LessOrEqual(t, comparer.Compare(a, s), 0, "%x < %x: separator %x", a, b, s)
			require.Negative(t, comparer.Compare(s, b), "%x < %x: separator %x", a, b, s)
		}
		s := comparer.Successor(nil, a)
		require.LessOrEqual(t, comparer.Compare(a, s), 0, "%x: successor %x", a, s)
		next := comparer.ImmediateSuccessor(nil, a[:as])
		require.Negative(t, comparer.Compare(a[:as], next))
		require.Equal(t, len(next), schema.Split(next))
		ka, kb := comparer.AbbreviatedKey(a), comparer.AbbreviatedKey(b)
		if ka != kb {
			require.Equal(t, cmp.Compare(ka, kb), want)
		}
	})
}
