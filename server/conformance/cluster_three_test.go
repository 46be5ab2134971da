package conformance

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/process"
)

// trio is what the cases of a three-member cluster share: stubs of each
// member, and who leads.
type trio struct {
	members []stubs
	ids     []uint64
}

func dialTrio(t *testing.T, e *env) *trio {
	t.Helper()
	x := &trio{}
	for _, m := range e.cluster.Members()[:3] {
		st := dialStubs(t, m)
		resp, err := st.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		x.members = append(x.members, st)
		x.ids = append(x.ids, resp.Header.MemberId)
	}
	return x
}

// leader waits until all members agree on a leader and returns its place.
func (x *trio) leader(t *testing.T, e *env) int {
	t.Helper()
	var leader uint64
	e.until(t, "agreement on a leader", func() bool {
		seen := map[uint64]bool{}
		for _, m := range x.members {
			resp, err := m.maint.Status(e.ctx, &pb.StatusRequest{})
			if err != nil {
				return false
			}
			leader = resp.Leader
			seen[leader] = true
		}
		return len(seen) == 1 && leader != 0
	})
	for i, id := range x.ids {
		if id == leader {
			return i
		}
	}
	require.FailNow(t, "an unknown member leads")
	return -1
}

// clusterThreeCases: what needs more than one member: leader moves, reads and
// writes through any member, equal hashes, a cluster without a leader.
func clusterThreeCases(s *suite) {
	s.run("write_anywhere_read_everywhere", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		for i, writer := range x.members {
			name := string(rune('a' + i))
			_, err := writer.kv.Put(e.ctx, &pb.PutRequest{Key: e.key(name), Value: []byte(name)})
			require.NoError(t, err)
			for _, reader := range x.members {
				resp, err := reader.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key(name)})
				require.NoError(t, err)
				require.Equal(t, []string{name}, values(resp.Kvs), "a linearizable read sees what was acknowledged")
			}
		}
	})
	s.run("members_agree_on_the_list", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		for _, m := range x.members {
			resp, err := m.admin.MemberList(e.ctx, &pb.MemberListRequest{Linearizable: true})
			require.NoError(t, err)
			require.Len(t, resp.Members, 3)
			for _, member := range resp.Members {
				require.Contains(t, x.ids, member.ID)
				require.NotEmpty(t, member.Name)
				require.Len(t, member.ClientURLs, 1)
			}
		}
	})
	s.run("watch_on_each_member", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		var streams []*watchStream
		for _, m := range x.members {
			w := openWatchStream(t, e.ctx, m.watch)
			w.create(t, &pb.WatchCreateRequest{Key: e.key("a")})
			streams = append(streams, w)
		}
		rev := e.put(t, "a", "1")
		for _, w := range streams {
			require.Equal(t, rev, w.next(t).Events[0].Kv.ModRevision)
		}
	})
	s.run("keep_alive_through_any_member", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		lease := e.grant(t, 1000)
		for _, m := range x.members {
			stream, err := m.lease.LeaseKeepAlive(e.ctx)
			require.NoError(t, err)
			require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}))
			resp, err := stream.Recv()
			require.NoError(t, err)
			require.EqualValues(t, 1000, resp.TTL)
			ttl, err := m.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: lease})
			require.NoError(t, err)
			require.EqualValues(t, 1000, ttl.GrantedTTL)
			require.Positive(t, ttl.TTL)
		}
	})
	s.run("hashes_are_equal", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		for i := range 30 {
			e.put(t, string(rune('a'+i%5)), "v")
		}
		rev := e.del(t, "a")
		seen := map[uint32]bool{}
		for _, m := range x.members {
			_, err := m.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("a")}) // waits until it has applied the delete
			require.NoError(t, err)
			resp, err := m.maint.HashKV(e.ctx, &pb.HashKVRequest{Revision: rev})
			require.NoError(t, err)
			seen[resp.Hash] = true
		}
		require.Len(t, seen, 1)
	})
	s.run("move_leader", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		from := x.leader(t, e)
		to := (from + 1) % 3
		_, err := x.members[to].maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{TargetID: x.ids[to]})
		requireStatus(t, rpctypes.ErrGRPCNotLeader, err)
		_, err = x.members[from].maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{TargetID: 4711})
		requireStatus(t, rpctypes.ErrGRPCBadLeaderTransferee, err)
		_, err = x.members[from].maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{TargetID: x.ids[to]})
		require.NoError(t, err)
		require.Equal(t, to, x.leader(t, e))
		e.put(t, "a", "under the new leader")
	})
	s.run("add_and_remove_a_voter", func(t *testing.T, e *env) {
		// A cluster accepts a change once its members have been connected for
		// a while; until then it answers "unhealthy cluster".
		var added *pb.MemberAddResponse
		e.until(t, "the cluster to accept a member", func() bool {
			var err error
			added, err = e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:5"}})
			if err != nil {
				requireStatus(t, rpctypes.ErrGRPCUnhealthy, err)
			}
			return err == nil
		})
		require.Len(t, added.Members, 4)
		require.False(t, added.Member.IsLearner)
		e.put(t, "a", "with three of four")
		removed, err := e.admin.MemberRemove(e.ctx, &pb.MemberRemoveRequest{ID: added.Member.ID})
		require.NoError(t, err)
		require.Len(t, removed.Members, 3)
	})
	s.run("without_a_leader", func(t *testing.T, e *env) {
		x := dialTrio(t, e)
		e.put(t, "a", "1")
		lone := x.members[0]
		w := openWatchStream(t, metadata.AppendToOutgoingContext(e.ctx, "hasleader", "true"), lone.watch)
		w.create(t, &pb.WatchCreateRequest{Key: e.key("a")})
		require.NoError(t, e.cluster.Member(1).Kill())
		require.NoError(t, e.cluster.Member(2).Kill())

		err := <-w.failed
		requireStatus(t, rpctypes.ErrGRPCNoLeader, err)
		ctx := clientv3.WithRequireLeader(e.ctx)
		e.until(t, "the member to notice", func() bool {
			resp, err := lone.maint.Status(e.ctx, &pb.StatusRequest{})
			require.NoError(t, err)
			return resp.Leader == 0
		})
		_, err = lone.kv.Put(ctx, &pb.PutRequest{Key: e.key("a")})
		requireStatus(t, rpctypes.ErrGRPCNoLeader, err)
		_, err = lone.kv.Range(ctx, &pb.RangeRequest{Key: e.key("a"), Serializable: true})
		requireStatus(t, rpctypes.ErrGRPCNoLeader, err)

		resp, err := lone.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("a"), Serializable: true})
		require.NoError(t, err, "a serializable read needs no leader")
		require.Equal(t, []string{"1"}, values(resp.Kvs))
		st, err := lone.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		require.Equal(t, []string{"etcdserver: no leader"}, st.Errors)
		short, cancel := context.WithTimeout(e.ctx, time.Second)
		defer cancel()
		_, err = lone.kv.Put(short, &pb.PutRequest{Key: e.key("a")})
		// etcd 3.4 hands out as Unknown what Raft says of a proposal that it drops or that outlives its deadline.
		unknown := status.Code(err) == codes.Unknown && slices.Contains([]string{"raft proposal dropped", "context deadline exceeded"}, status.Convert(err).Message())
		if e.target.name != process.Etcd34 || !unknown {
			require.Contains(t, []codes.Code{codes.Unavailable, codes.DeadlineExceeded}, status.Code(err), err)
		}

		require.NoError(t, e.cluster.Member(1).Start())
		require.NoError(t, e.cluster.Member(2).Start())
		require.NoError(t, e.cluster.WaitHealthy(e.ctx))
		e.put(t, "a", "back")
	})
}
