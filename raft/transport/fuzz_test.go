package transport

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// FuzzHandler posts any bytes to the paths that take messages, as a member of the cluster. Only messages to this member get as far as
// raft, and a snapshot's only by its own path.
func FuzzHandler(f *testing.F) {
	whole, err := proto.Marshal(appendMessage(1, 2, 4, 7, 5))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(sized(f, &raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(4)),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(9)), Term: new(uint64(4))}},
	}))
	f.Fuzz(func(t *testing.T, body []byte) {
		raft := &fakeRaft{unreachable: map[uint64]int{}, removed: map[uint64]bool{3: true}}
		tr := New(Config{ID: 2, ClusterID: 0xc1, Version: "3.7.3", MinClusterVersion: "3.0.0", Raft: raft, Snapshots: &fakeSnapshots{}})
		defer tr.Close()
		for _, path := range []string{raftPath, snapshotPath} {
			raft.got = nil
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			r.Header.Set("X-Etcd-Cluster-ID", hexID(0xc1))
			r.Header.Set("X-Server-Version", "3.7.3")
			r.Header.Set("X-Min-Cluster-Version", "3.0.0")
			w := httptest.NewRecorder()
			tr.Handler().ServeHTTP(w, r)
			require.Equal(t, len(raft.got) == 1, w.Code == http.StatusNoContent, "%d %s", w.Code, w.Body)
			for _, m := range raft.got {
				require.EqualValues(t, 2, m.GetTo())
				require.NotEqualValues(t, 3, m.GetFrom())
				require.Equal(t, path == snapshotPath, m.GetType() == raftpb.MsgSnap)
			}
		}
	})
}
