package raft

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// drive makes the only member of a cluster, for the test to drive.
func drive(t *testing.T) (*Driven, *Node, *machine) {
	t.Helper()
	l, err := log.Open("log", log.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	sm := &machine{}
	n, err := NewNode(Config{
		ID: 1, TickInterval: time.Hour, ElectionTicks: 10, Log: l, StateMachine: sm,
		ConfState: &raftpb.ConfState{Voters: []uint64{1}}, Send: func([]*raftpb.Message) {},
	})
	require.NoError(t, err)
	sm.setNode(n)
	d, err := n.Drive()
	require.NoError(t, err)
	t.Cleanup(func() {
		d.Stop()
		require.NoError(t, l.Close())
	})
	return d, n, sm
}

// rest lets all parts act until none has anything to do.
func rest(t *testing.T, d *Driven) {
	t.Helper()
	for w := d.Waiting(); w != (Waiting{}); w = d.Waiting() {
		if w.Pass {
			require.NoError(t, d.Pass())
		}
		if w.Log {
			require.NoError(t, d.WriteLog())
		}
		if w.Apply {
			require.NoError(t, d.Apply())
		}
	}
}

func TestDrivenPartsActWhenTheyAreTold(t *testing.T) {
	d, n, sm := drive(t)
	rest(t, d)
	require.True(t, n.TryPropose([]byte("value"), nil))
	require.Equal(t, Waiting{Pass: true}, d.Waiting())
	require.NoError(t, d.Pass())
	require.Equal(t, Waiting{Log: true}, d.Waiting())
	require.Empty(t, sm.list())
	rest(t, d)
	require.Equal(t, []string{"value"}, sm.list())
}

// A change of the configuration needs a pass in the middle of Apply.
func TestDrivenNodeChangesItsConfiguration(t *testing.T) {
	d, n, sm := drive(t)
	rest(t, d)
	change := &raftpb.ConfChange{Type: raftpb.ConfChangeAddLearnerNode.Enum(), NodeId: new(uint64(2))}
	require.NoError(t, n.ProposeConfChange(t.Context(), change))
	rest(t, d)
	_, conf := sm.position()
	require.Equal(t, []uint64{2}, conf.GetLearners())
}
