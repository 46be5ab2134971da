package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAbandonedProposalsAreLeftOut(t *testing.T) {
	gone, waiting := make(chan struct{}), make(chan struct{})
	close(gone)
	taken, entries := batch([]proposal{
		{data: []byte("a"), gone: waiting}, {data: []byte("b"), gone: gone}, {data: []byte("c")},
	})
	require.Equal(t, 3, taken)
	require.Len(t, entries, 2)
	require.Equal(t, "a", string(entries[0].GetData()))
	require.Equal(t, "c", string(entries[1].GetData()))
	taken, entries = batch([]proposal{{gone: gone}})
	require.Equal(t, 1, taken)
	require.Empty(t, entries)
}
