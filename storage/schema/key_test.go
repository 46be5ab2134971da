package schema_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage/schema"
)

// TestBoundsAgreeWithInRange checks that the physical bounds of a range hold
// exactly the keys that etcd's convention puts in it.
func TestBoundsAgreeWithInRange(t *testing.T) {
	bytesGen := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 13, 'a', 'b', 0xff}), 1, 3)
	rapid.Check(t, func(t *rapid.T) {
		k, key := bytesGen.Draw(t, "k"), bytesGen.Draw(t, "key")
		end := rapid.OneOf(bytesGen, rapid.Just([]byte(nil)), rapid.Just([]byte{0})).Draw(t, "end")
		for _, table := range []schema.Table{schema.TableHeads, schema.TableVersions} {
			lower, upper := schema.AppendBounds(nil, nil, table, key, end)
			prefix := schema.AppendRecordKey(nil, table, k)
			inBounds := bytes.Compare(lower, prefix) <= 0 && bytes.Compare(prefix, upper) < 0
			require.Equal(t, schema.InRange(k, key, end), inBounds, "%q in [%q, %q)", k, key, end)
		}
	})
}

// TestSplit checks that every key is its prefix and its suffix, and that bare
// prefixes, which Pebble splits too, are all prefix.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOf(rapid.Byte()).Draw(t, "key")
		r := schema.Revision{Main: rapid.Int64Min(0).Draw(t, "main"), Sub: rapid.Uint32().Draw(t, "sub")}
		prefix := schema.AppendRecordKey(nil, schema.TableVersions, key)
		require.Equal(t, len(prefix), schema.Split(prefix))
		require.Equal(t, len(prefix), schema.Split(schema.AppendVersionKey(nil, key, r)))
		any := rapid.SliceOf(rapid.Byte()).Draw(t, "any")
		n := schema.Split(any)
		require.GreaterOrEqual(t, n, 0)
		require.LessOrEqual(t, n, len(any))
	})
}
