package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMailboxIsBounded(t *testing.T) {
	b := mailbox[string]{wake: make(chan struct{}, 1)}
	put := func(item string) bool { return b.putBounded(item, len(item), 3, 10) }
	require.True(t, put("larger than all the room"), "nothing would make room for it")
	require.False(t, put("x"))
	require.Len(t, b.take(nil), 1)

	require.True(t, put("12345"))
	require.True(t, put("6789"))
	require.False(t, put("ab"), "too many bytes")
	require.True(t, put("c"))
	require.False(t, put(""), "too many items")
	require.Equal(t, []string{"12345", "6789", "c"}, b.take(nil))
	require.True(t, put("1234567890"), "taking makes room")
}
