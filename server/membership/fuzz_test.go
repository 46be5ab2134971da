package membership

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// FuzzDecodeMembers takes any bytes for a peer's list of members, and uses it as one who joins does.
func FuzzDecodeMembers(f *testing.F) {
	f.Add([]byte(`[{"id":10,"peerURLs":["http://x:1"],"name":"a"},{"id":20,"peerURLs":["http://x:2"],"isLearner":true}]`))
	f.Add([]byte(`[null,{"id":1}]`))
	local := []*Member{member(1, "http://x:1", false), member(2, "http://x:2", false)}
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, err := DecodeMembers(b)
		if err != nil {
			return
		}
		found, err := Match(local, ms)
		require.True(t, err != nil || len(found) == len(local))
		_ = WithPeerURLs(ms, []string{"http://x:2"})
	})
}

// FuzzCheck applies any bytes as a change of the members. What is accepted leaves records that tell the same.
func FuzzCheck(f *testing.F) {
	add, err := AddChange(member(30, "http://x:3", true))
	require.NoError(f, err)
	promote, err := PromoteChange(20)
	require.NoError(f, err)
	update, err := UpdateChange(20, []string{"http://x:4"})
	require.NoError(f, err)
	for _, cc := range []*raftpb.ConfChange{add, promote, update, RemoveChange(10)} {
		b, err := proto.Marshal(cc)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cc := &raftpb.ConfChange{}
		if proto.Unmarshal(b, cc) != nil {
			return
		}
		c, s := New(1, 10, 1), tables{}
		for _, m := range []*Member{member(10, "http://x:1", false), member(20, "http://x:2", true)} {
			founder, err := AddChange(m)
			require.NoError(t, apply(t, c, s, founder, err))
		}
		_ = apply(t, c, s, cc, nil) // which compares
	})
}
