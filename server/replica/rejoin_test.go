package replica

import (
	"context"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/membership"
)

// closedReplica is a member with a data directory that is locked, and nothing open in it.
func closedReplica(t *testing.T) *Replica {
	t.Helper()
	fs := vfs.NewMem()
	r := &Replica{cfg: Config{FS: fs, Member: memberConfig("/data"), Registerer: prometheus.NewRegistry()}, logger: slog.New(slog.DiscardHandler)}
	var err error
	r.dir, err = openDataDir(fs, "/data", "")
	require.NoError(t, err)
	return r
}

// A rejoining that is cut off when the new log is there, but does not say yet whose it is, keeps the damaged one.
func TestFinishRejoinKeepsTheDamagedLog(t *testing.T) {
	r := closedReplica(t)
	old, id := &identity{MemberID: 1, ClusterID: 3}, &identity{MemberID: 2, ClusterID: 3, Peers: []byte("[]")}
	require.NoError(t, r.beginLog(old))
	require.NoError(t, log.SetAside(r.cfg.FS, r.dir.logDir, ""))
	empty, begun, err := r.beganAs(id) // makes the new log
	require.NoError(t, err)
	require.True(t, empty)
	require.False(t, begun)

	require.NoError(t, r.finishRejoin(&rejoining{New: id}))
	empty, begun, err = r.beganAs(id)
	require.NoError(t, err)
	require.False(t, empty)
	require.True(t, begun)

	aside := r.cfg.FS.PathJoin(r.dir.logDir, "damaged")
	kept, err := log.Open(aside, log.Options{FS: r.cfg.FS})
	require.NoError(t, err)
	defer func() { require.NoError(t, kept.Close()) }()
	found, err := decodeIdentity(kept.Metadata())
	require.NoError(t, err)
	require.Equal(t, old.MemberID, found.MemberID)
}

// A note that was damaged is not taken for another one.
func TestDamagedNoteOfRejoining(t *testing.T) {
	r := closedReplica(t)
	require.NoError(t, r.dir.noteRejoining(&rejoining{Old: addressBook{MemberID: 1}, PeerURLs: []string{"http://a:1"}}))
	j, err := r.dir.rejoining()
	require.NoError(t, err)
	require.EqualValues(t, 1, j.Old.MemberID)
	content, err := r.dir.read(rejoinFile)
	require.NoError(t, err)
	for i := range content {
		content[i] ^= 2
		require.NoError(t, r.dir.write(rejoinFile, content))
		_, err = r.dir.rejoining()
		require.ErrorIs(t, err, ErrCorrupt)
		content[i] ^= 2
	}
}

// A state that is repaired after the users were read opens a second time in one start.
func TestOpenAuthTwice(t *testing.T) {
	r := closedReplica(t)
	var err error
	r.log, err = log.Open(r.dir.logDir, r.logOptions())
	require.NoError(t, err)
	require.NoError(t, r.openAuth())
	first := r.auth
	require.NoError(t, r.openAuth())
	require.Same(t, first, r.auth)
	require.NoError(t, r.closeFiles())
}

// A member that loses its log again before it has its vote back gets that of its first self. (The simulation found it, seed 2001303: it
// stayed a learner for ever.)
func TestVoteIsRegainedAfterTwoLosses(t *testing.T) {
	for name, c := range map[string]struct {
		learner, regains, leader, want bool
	}{
		"a voter":                         {leader: true, want: true},
		"a learner":                       {learner: true},
		"a learner, says a leader else":   {learner: true, leader: true},
		"a learner that had a vote":       {learner: true, regains: true, want: true},
		"a voter again, by an older book": {regains: true, leader: true, want: true},
	} {
		b := addressBook{MemberID: 1, RegainVote: c.regains, Members: []*membership.Member{{ID: 1, RaftAttributes: membership.RaftAttributes{IsLearner: c.learner}}}}
		require.Equal(t, c.want, b.hadVote(c.leader), name)
	}
	gone := addressBook{MemberID: 1, RegainVote: true}
	require.True(t, gone.hadVote(false), "a learner that was removed meanwhile, to be taken back")
}

// The address book keeps that for as long as the member doesn't know itself to have the vote: it learns who it is from the log.
func TestBookRemembersTheVote(t *testing.T) {
	r, _ := driven(t)
	others := membership.New(r.cluster.ID(), r.cluster.LocalID()+1, 0)
	require.NoError(t, others.Load(r.store))
	written := func(c *membership.Cluster, regain bool) *addressBook {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m := &Replica{cluster: c, regain: regain, dir: r.dir, logger: r.logger}
		m.keepAddresses(ctx)
		return r.dir.addresses()
	}
	require.False(t, written(r.cluster, true).RegainVote, "it has a vote")
	require.True(t, written(others, true).RegainVote)
	require.False(t, written(others, false).RegainVote)
}
