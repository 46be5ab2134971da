package raft

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAbandonedProposalsAreLeftOut(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	gone, waiting := contextProposer{ended}, contextProposer{t.Context()}
	taken, entries := batch([]proposal{
		{data: []byte("a"), by: waiting}, {data: []byte("b"), by: gone}, {data: []byte("c")},
	})
	require.Equal(t, 3, taken)
	require.Len(t, entries, 2)
	require.Equal(t, "a", string(entries[0].GetData()))
	require.Equal(t, "c", string(entries[1].GetData()))
	taken, entries = batch([]proposal{{by: gone}})
	require.Equal(t, 1, taken)
	require.Empty(t, entries)
}
