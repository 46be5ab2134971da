package storage_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/v2store"
)

// TestV2AuthVersionMovesWithWhatIsBelow2 and with nothing that clients do to their keys.
func TestV2AuthVersionMovesWithWhatIsBelow2(t *testing.T) {
	v := openV2(t, vfs.NewMem())
	defer v.Close()
	was := v.V2AuthVersion()
	moves := func(want bool, what string) {
		t.Helper()
		now := v.V2AuthVersion()
		require.Equal(t, want, now != was, what)
		was = now
	}
	v.set("/1/a/b", "1")
	moves(false, "a key")
	v.set("/2/users/ann", "{}")
	moves(true, "a user, and the directories around it")
	v.set("/1/2/users/ann", "{}")
	moves(false, "a key that is called like one")
	_, err := v.do(v2store.CompareAndSwap, v2store.Request{Path: "/2/users/ann", Value: "{1}", PrevValue: "no"})
	require.Error(t, err)
	moves(false, "a refusal")
	_, err = v.do(v2store.CompareAndSwap, v2store.Request{Path: "/2/users/ann", Value: "{1}", PrevValue: "{}"})
	require.NoError(t, err)
	moves(true, "a swap")
	_, err = v.do(v2store.Delete, v2store.Request{Path: "/2/users/ann"})
	require.NoError(t, err)
	moves(true, "a removal")
	_, err = v.do(v2store.Delete, v2store.Request{Path: "/1/a", Recursive: true})
	require.NoError(t, err)
	moves(false, "a directory of keys")

	b := v.NewBatch()
	_, err = b.V2().Do(v2store.Set, &v2store.Request{Path: "/2/enabled", Value: "true"})
	require.NoError(t, err)
	moves(false, "a batch that is not committed")
	require.NoError(t, b.Close())
	moves(false, "a batch that never is")
}
