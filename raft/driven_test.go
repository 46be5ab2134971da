package raft

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft/log"
)

// drive makes member 1 of a cluster of some voters, by default of itself alone, for the test to drive.
func drive(t *testing.T, voters ...uint64) (*Driven, *Node, *machine) {
	t.Helper()
	l, err := log.Open("log", log.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	if len(voters) == 0 {
		voters = []uint64{1}
	}
	conf := &raftpb.ConfState{Voters: voters}
	sm := &machine{cs: conf}
	n, err := NewNode(Config{
		ID: 1, TickInterval: time.Hour, ElectionTicks: 10, Log: l, StateMachine: sm,
		ConfState: conf, Send: func([]*raftpb.Message) {},
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

// A snapshot comes while a change from before it waits to be applied: its configuration stays the library's, and the state
// goes through its own.
func TestSnapshotOvertakesAChangeOfTheConfiguration(t *testing.T) {
	for name, change := range map[string]*raftpb.ConfChange{
		"a learner":     {Type: raftpb.ConfChangeAddLearnerNode.Enum(), NodeId: new(uint64(4))},
		"no change":     {},
		"a voter gone":  {Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(uint64(3))},
		"a voter added": {Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(uint64(4))},
	} {
		t.Run(name, func(t *testing.T) {
			d, n, sm := drive(t, 1, 2, 3)
			data, err := proto.Marshal(change)
			require.NoError(t, err)
			const leader, term = 2, 5
			require.NoError(t, n.Step(t.Context(), &raftpb.Message{
				Type: raftpb.MsgApp.Enum(), From: new(uint64(leader)), To: new(uint64(1)), Term: new(uint64(term)),
				LogTerm: new(uint64(0)), Index: new(uint64(0)), Commit: new(uint64(1)),
				Entries: []*raftpb.Entry{{Index: new(uint64(1)), Term: new(uint64(term)), Type: raftpb.EntryConfChange.Enum(), Data: data}},
			}))
			for !d.Waiting().Apply {
				require.NoError(t, d.Pass())
				require.NoError(t, d.WriteLog())
			}
			voters := []uint64{1, 2, 3, 5}
			require.NoError(t, n.Step(t.Context(), &raftpb.Message{
				Type: raftpb.MsgSnap.Enum(), From: new(uint64(leader)), To: new(uint64(1)), Term: new(uint64(term)),
				Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
					Index: new(uint64(10)), Term: new(uint64(term)), ConfState: &raftpb.ConfState{Voters: voters},
				}},
			}))
			require.NoError(t, d.Pass())
			require.NoError(t, d.Apply())

			want := n.raw.Status()
			require.Equal(t, "(1 2 3 5)", want.Config.Voters.String(), "the library's")
			require.Empty(t, want.Config.Learners)
			index, conf := sm.position()
			require.EqualValues(t, 1, index)
			wantVoters, wantLearners := []uint64{1, 2, 3}, []uint64(nil)
			switch name {
			case "a learner":
				wantLearners = []uint64{4}
			case "a voter gone":
				wantVoters = []uint64{1, 2}
			case "a voter added":
				wantVoters = []uint64{1, 2, 3, 4}
			}
			require.Equal(t, wantVoters, conf.GetVoters(), "the state's")
			require.Equal(t, wantLearners, conf.GetLearners())

			rest(t, d)
			index, conf = sm.position()
			require.EqualValues(t, 10, index)
			require.Equal(t, voters, conf.GetVoters())
		})
	}
}
