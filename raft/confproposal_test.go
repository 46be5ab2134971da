package raft

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

// The library takes one change at a time, and puts an empty entry in the place of the next. Here it is proposed again.
func TestChangesThatComeTogetherAreMade(t *testing.T) {
	c := newCluster(t, 1)
	l := c.leader()
	require.NoError(t, l.node.exclusively(func() { // nobody makes a pass between them
		for _, id := range []uint64{7, 8, 9} {
			cc := &raftpb.ConfChange{Type: raftpb.ConfChangeAddLearnerNode.Enum(), NodeId: new(id)}
			require.NoError(t, l.node.ProposeConfChange(context.Background(), cc))
		}
	}))
	require.Eventually(t, func() bool {
		_, cs := l.sm.position()
		return len(cs.GetLearners()) == 3
	}, testPatience, testPollEvery)
}
