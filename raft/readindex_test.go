package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
	etcdraft "go.etcd.io/raft/v3"
)

// TestLateAnswersCount starts a round of reads again before its first answer comes.
func TestLateAnswersCount(t *testing.T) {
	r := &reads{wake: make(chan struct{}, 1), nonce: 7}
	early := r.join()
	first := r.begin()
	late := r.join()
	second := r.begin()
	require.NotEqual(t, first, second)

	r.answer(etcdraft.ReadState{Index: 10, RequestCtx: first})
	require.Equal(t, uint64(10), early.index)
	select {
	case <-late.done:
		require.FailNow(t, "a reader was answered by what was asked before it came")
	default:
	}
	r.answer(etcdraft.ReadState{Index: 11, RequestCtx: (&reads{nonce: 8, sequence: 2}).context()})
	require.Len(t, r.inFlight, 1, "another run's answer counts for nothing")
	r.answer(etcdraft.ReadState{Index: 12, RequestCtx: second})
	require.Equal(t, uint64(12), late.index)
	require.Equal(t, uint64(10), early.index)
	require.Empty(t, r.inFlight)
	r.answer(etcdraft.ReadState{Index: 13, RequestCtx: first})
}
