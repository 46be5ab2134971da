package schema_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
)

// FuzzDecode hands any bytes to every decoder. What one accepts must encode to
// something that decodes to the same; what it rejects must be rejected with
// ErrMalformed.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(schema.AppendVersionKey(nil, []byte("a"), schema.Revision{Main: 5, Sub: 1}))
	f.Add(schema.AppendRevisionKey(nil, schema.Revision{Main: 5, Sub: 1}))
	f.Add(schema.AppendHead(nil, schema.Head{Create: 1, Mod: schema.Revision{Main: 2}, Version: 3, Lease: -1}))
	f.Add(append(schema.AppendVersionHeader(nil, 1, 2, -3), "value"...))
	f.Add(schema.AppendTombstone(nil))
	f.Add(schema.AppendChange(nil, schema.Change{Created: true, Key: []byte("a")}))
	f.Add(schema.AppendLeaseKey(nil, -1))
	f.Add(schema.AppendLeaseKeyKey(nil, 7, []byte("a")))
	f.Add(schema.AppendLease(nil, schema.Lease{TTL: 10, Remaining: 3}))
	f.Add(schema.AppendApplied(nil, schema.Applied{Index: 1, Term: 2, Revision: 3}))
	f.Add(schema.AppendCompacted(nil, 9))
	f.Add(schema.AppendRun(nil, 500))
	f.Fuzz(func(t *testing.T, b []byte) {
		original := bytes.Clone(b)
		if key, r, err := schema.DecodeVersionKey(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendVersionKey(nil, key, r))
		}
		if r, err := schema.DecodeRevisionKey(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendRevisionKey(nil, r))
		}
		if id, err := schema.DecodeLeaseKey(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendLeaseKey(nil, id))
		}
		if id, key, err := schema.DecodeLeaseKeyKey(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendLeaseKeyKey(nil, id, key))
		}
		if body, err := schema.RecordBody(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendRecordKey(nil, schema.Table(b[0]), body))
		}
		if c, err := schema.DecodeChange(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendChange(nil, c))
		}
		if a, err := schema.DecodeApplied(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendApplied(nil, a))
		}
		if r, err := schema.DecodeCompacted(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendCompacted(nil, r))
		}
		// A varint has longer forms than its encoder writes, so for these the
		// value is compared and not the bytes.
		if h, err := schema.DecodeHead(b); accepted(t, err) {
			again, err := schema.DecodeHead(schema.AppendHead(nil, h))
			require.NoError(t, err)
			require.Equal(t, h, again)
		}
		if v, err := schema.DecodeVersion(b); accepted(t, err) && !v.Tombstone {
			again, err := schema.DecodeVersion(append(schema.AppendVersionHeader(nil, v.Create, v.Version, v.Lease), v.Value...))
			require.NoError(t, err)
			require.Equal(t, v, again)
		}
		if l, err := schema.DecodeLease(b); accepted(t, err) {
			again, err := schema.DecodeLease(schema.AppendLease(nil, l))
			require.NoError(t, err)
			require.Equal(t, l, again)
		}
		if n, err := schema.DecodeRun(b); accepted(t, err) {
			again, err := schema.DecodeRun(schema.AppendRun(nil, n))
			require.NoError(t, err)
			require.Equal(t, n, again)
		}
		require.Equal(t, original, b, "a decoder changed its input")
	})
}

// accepted says whether a decoder took its input, and that its error is marked
// when it did not.
func accepted(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		require.ErrorIs(t, err, schema.ErrMalformed)
	}
	return err == nil
}

// FuzzDecodeV2 is FuzzDecode for the tables of the v2 tree.
func FuzzDecodeV2(f *testing.F) {
	f.Add(schema.AppendV2NodeKey(nil, "/1/a"))
	f.Add(schema.AppendV2ExpiryKey(nil, -5, "/1/a"))
	f.Add(schema.AppendV2EventKey(nil, 1007))
	f.Add(append(schema.AppendV2EventKey(nil, 999)[:1], 0x03, 0xe8, schema.Sentinel)) // slot 1000
	f.Add(schema.AppendV2Index(nil, 7))
	f.Add(schema.AppendV2Node(nil, &schema.V2Node{Created: 1, Modified: 2, Expiration: 3, Value: "v"}))
	f.Add(schema.AppendV2Node(nil, &schema.V2Node{Dir: true}))
	f.Add(schema.AppendV2Event(nil, &schema.V2Event{
		Action: 2, Refresh: true, Key: "/1/a",
		Node: schema.V2EventNode{HasValue: true, Value: "v", Created: 1, Modified: 2, Expiration: 3, TTL: -4},
		Prev: &schema.V2EventNode{Dir: true},
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if path, err := schema.DecodeV2NodeKey(b); accepted(t, err) {
			again, err := schema.DecodeV2NodeKey(schema.AppendV2NodeKey(nil, string(path)))
			require.NoError(t, err)
			require.Equal(t, path, again)
		}
		if at, path, err := schema.DecodeV2ExpiryKey(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendV2ExpiryKey(nil, at, string(path)))
		}
		if slot, err := schema.DecodeV2EventKey(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendV2EventKey(nil, slot))
		}
		if index, err := schema.DecodeV2Index(b); accepted(t, err) {
			require.Equal(t, b, schema.AppendV2Index(nil, index))
		}
		if n, err := schema.DecodeV2Node(b); accepted(t, err) {
			again, err := schema.DecodeV2Node(schema.AppendV2Node(nil, &n))
			require.NoError(t, err)
			require.Equal(t, n, again)
		}
		if e, err := schema.DecodeV2Event(b); accepted(t, err) {
			again, err := schema.DecodeV2Event(schema.AppendV2Event(nil, &e))
			require.NoError(t, err)
			require.Equal(t, e, again)
		}
	})
}
