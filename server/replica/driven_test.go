package replica

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/raft"
	"github.com/petcd/petcd/server/membership"
)

// driven is a cluster of one that has done all that it has to.
func driven(t *testing.T) (*Replica, *Driven) {
	t.Helper()
	c := memberConfig("/data")
	c.SnapshotCount, c.SnapshotCatchUpEntries = 1, 1
	r, err := Open(t.Context(), Config{Member: c, FS: vfs.NewMem()})
	require.NoError(t, err)
	d, err := r.Drive()
	require.NoError(t, err)
	t.Cleanup(func() {
		d.Stop()
		require.NoError(t, r.Close())
	})
	for w := d.Waiting(); w != (raft.Waiting{}); w = d.Waiting() {
		require.NoError(t, d.Pass())
		require.NoError(t, d.WriteLog())
		require.NoError(t, d.Apply())
	}
	return r, d
}

// Raft looks through what it takes for not applied yet before it stands for election, and learns late what is applied: entries that it
// does not know to be applied must stay, though the state has them. (It stopped with ErrInvariant; the simulation found it.)
func TestTheLogKeepsWhatRaftTakesForNotApplied(t *testing.T) {
	r, d := driven(t)
	data, err := proto.Marshal(putRequest("k", 10))
	require.NoError(t, err)
	for range 5 {
		require.True(t, r.node.TryPropose(data, nil))
	}
	before := r.applied.index.Load()
	require.NoError(t, d.Pass())
	require.NoError(t, d.WriteLog())
	require.NoError(t, d.Pass())
	require.NoError(t, d.Apply())
	require.GreaterOrEqual(t, r.applied.index.Load(), before+5)
	require.NoError(t, r.store.Flush())
	require.NoError(t, r.keeper.compact(r.log))
	first, err := r.log.FirstIndex()
	require.NoError(t, err)
	require.LessOrEqual(t, first-1, r.node.Status().Applied)
}

// A removal goes to the disk at once, and others are told when it is there: else the member that is left of two could forget it, and
// need the other's vote for ever. (The simulation found it, seed 1001020: a failed sync of the log right after the removal.)
func TestRemovalsAreDurableSoon(t *testing.T) {
	r, _ := driven(t)
	loop := &applyLoop{r: r}
	m := membership.NewMember("other", types.MustNewURLs([]string{"http://other:2380"}), "", time.Now())
	add, err := membership.AddChange(m)
	require.NoError(t, err)
	for _, change := range []*raftpb.ConfChange{add, membership.RemoveChange(m.ID)} {
		data, err := proto.Marshal(change)
		require.NoError(t, err)
		index, term := r.store.Applied()
		require.NoError(t, loop.Apply([]*raftpb.Entry{{Index: new(index + 1), Term: &term, Type: raftpb.EntryConfChange.Enum(), Data: data}}))
		if change == add {
			require.LessOrEqual(t, r.store.DurableApplied(), index)
			require.True(t, r.removalsDurable())
		} else {
			require.Equal(t, index+1, r.removal.Load())
		}
	}
	require.True(t, r.restKnows(t.Context(), m.ID)) // this member alone is left
	require.GreaterOrEqual(t, r.store.DurableApplied(), r.removal.Load())
}

// Who could forget a removal is asked again.
func TestRemovalsThatCouldBeForgottenDoNotCount(t *testing.T) {
	r, _ := driven(t)
	durable := make(chan string, 2)
	durable <- "false"
	durable <- "true"
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Etcd-Cluster-ID", hexID(r.cluster.ID()))
		w.Header().Set(appliedHeader, "1000")
		w.Header().Set(durableHeader, <-durable)
		r.writeJSON(w, r.cluster.Members())
	}))
	defer other.Close()
	require.False(t, r.peers.knowsRemoval(t.Context(), other.URL, 1, 5))
	require.True(t, r.peers.knowsRemoval(t.Context(), other.URL, 1, 5))
	durable <- "true"
	require.False(t, r.peers.knowsRemoval(t.Context(), other.URL, 1, 1001), "it may not have heard of it")
	durable <- "true"
	require.False(t, r.peers.knowsRemoval(t.Context(), other.URL, r.cluster.LocalID(), 5), "it names the member")
}
