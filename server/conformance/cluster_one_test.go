package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// clusterOneCases: membership of a one-member cluster, which a learner joins
// and leaves.
func clusterOneCases(s *suite) {
	list := func(t *testing.T, e *env) []*pb.Member {
		t.Helper()
		resp, err := e.admin.MemberList(e.ctx, &pb.MemberListRequest{Linearizable: true})
		require.NoError(t, err)
		return resp.Members
	}
	self := func(t *testing.T, e *env) *pb.Member {
		t.Helper()
		for _, m := range list(t, e) {
			if m.Name == e.cluster.Member(0).Name {
				return m
			}
		}
		require.FailNow(t, "the member does not list itself")
		return nil
	}

	for name, urls := range map[string][]string{
		"none": nil, "empty": {""}, "no_scheme": {"127.0.0.1:1"}, "no_port": {"http://127.0.0.1"},
		"path": {"http://127.0.0.1:1/path"}, "not_a_url": {"http://%zz:1"}, "one_bad_of_two": {"http://127.0.0.1:1", "nonsense"},
		"other_scheme": {"ftp://127.0.0.1:1"},
	} {
		s.run("error_add_urls_"+name, func(t *testing.T, e *env) {
			_, err := e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: urls})
			requireStatus(t, rpctypes.ErrGRPCMemberBadURLs, err)
			require.Len(t, list(t, e), 1)
		})
	}
	s.run("error_add_own_url", func(t *testing.T, e *env) {
		_, err := e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: self(t, e).PeerURLs, IsLearner: true})
		requireStatus(t, rpctypes.ErrGRPCPeerURLExist, err)
	})
	for name, id := range map[string]uint64{"unknown": 4711, "zero": 0, "largest": 1<<64 - 1} {
		s.run("error_remove_"+name, func(t *testing.T, e *env) {
			err := e.change(func(ctx context.Context) error {
				_, err := e.admin.MemberRemove(ctx, &pb.MemberRemoveRequest{ID: id})
				return err
			})
			requireStatus(t, rpctypes.ErrGRPCMemberNotFound, err)
		})
		s.run("error_update_"+name, func(t *testing.T, e *env) {
			err := e.change(func(ctx context.Context) error {
				_, err := e.admin.MemberUpdate(ctx, &pb.MemberUpdateRequest{ID: id, PeerURLs: []string{"http://127.0.0.1:1"}})
				return err
			})
			requireStatus(t, rpctypes.ErrGRPCMemberNotFound, err)
		})
		s.run("error_promote_"+name, func(t *testing.T, e *env) {
			_, err := e.admin.MemberPromote(e.ctx, &pb.MemberPromoteRequest{ID: id})
			requireStatus(t, rpctypes.ErrGRPCMemberNotFound, err)
		})
	}
	s.run("error_promote_a_voter", func(t *testing.T, e *env) {
		_, err := e.admin.MemberPromote(e.ctx, &pb.MemberPromoteRequest{ID: self(t, e).ID})
		requireStatus(t, rpctypes.ErrGRPCMemberNotLearner, err)
	})
	s.run("error_remove_the_only_member", func(t *testing.T, e *env) {
		_, err := e.admin.MemberRemove(e.ctx, &pb.MemberRemoveRequest{ID: self(t, e).ID})
		// The text is the table's; the code is not, in any release.
		require.Equal(t, status.Convert(rpctypes.ErrGRPCMemberNotEnoughStarted).Message(), status.Convert(err).Message())
		requireCode(t, codes.Unknown, err)
	})
	s.run("add_and_remove_a_learner", func(t *testing.T, e *env) {
		resp, err := e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:1"}, IsLearner: true})
		require.NoError(t, err)
		require.True(t, resp.Member.IsLearner)
		require.NotZero(t, resp.Member.ID)
		require.Len(t, resp.Members, 2)
		require.Len(t, list(t, e), 2)

		_, err = e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:2"}, IsLearner: true})
		requireStatus(t, rpctypes.ErrGRPCTooManyLearners, err)
		_, err = e.admin.MemberPromote(e.ctx, &pb.MemberPromoteRequest{ID: resp.Member.ID})
		requireStatus(t, rpctypes.ErrGRPCLearnerNotReady, err)
		_, err = e.maint.MoveLeader(e.ctx, &pb.MoveLeaderRequest{TargetID: resp.Member.ID})
		requireStatus(t, rpctypes.ErrGRPCBadLeaderTransferee, err)

		removed, err := e.admin.MemberRemove(e.ctx, &pb.MemberRemoveRequest{ID: resp.Member.ID})
		require.NoError(t, err)
		require.Len(t, removed.Members, 1)
		_, err = e.admin.MemberRemove(e.ctx, &pb.MemberRemoveRequest{ID: resp.Member.ID})
		requireStatus(t, rpctypes.ErrGRPCMemberNotFound, err)
	})
	s.run("update_peer_urls", func(t *testing.T, e *env) {
		added, err := e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:3"}, IsLearner: true})
		require.NoError(t, err)
		_, err = e.admin.MemberUpdate(e.ctx, &pb.MemberUpdateRequest{ID: added.Member.ID, PeerURLs: self(t, e).PeerURLs})
		requireStatus(t, rpctypes.ErrGRPCPeerURLExist, err)
		if e.target.has(updateOfLearner) {
			resp, err := e.admin.MemberUpdate(e.ctx, &pb.MemberUpdateRequest{ID: added.Member.ID, PeerURLs: []string{"http://127.0.0.1:4"}})
			require.NoError(t, err)
			for _, m := range resp.Members {
				if m.ID == added.Member.ID {
					require.Equal(t, []string{"http://127.0.0.1:4"}, m.PeerURLs)
					require.True(t, m.IsLearner, "an update promotes nobody")
				}
			}
		}
		_, err = e.admin.MemberRemove(e.ctx, &pb.MemberRemoveRequest{ID: added.Member.ID})
		require.NoError(t, err)
	})
	s.run("learner_joins_and_is_promoted", func(t *testing.T, e *env) {
		e.put(t, "before", "1")
		m, err := e.cluster.Grow()
		require.NoError(t, err)
		var added *pb.MemberAddResponse
		e.until(t, "the cluster to accept a member", func() bool {
			added, err = e.admin.MemberAdd(e.ctx, &pb.MemberAddRequest{PeerURLs: []string{m.AdvertisePeerURL}, IsLearner: true})
			if err != nil {
				requireStatus(t, rpctypes.ErrGRPCUnhealthy, err)
			}
			return err == nil
		})
		require.NoError(t, m.Start())
		require.NoError(t, m.WaitServing(e.ctx))
		learner := dialStubs(t, m)

		e.until(t, "the learner to hold what was written before", func() bool {
			resp, err := learner.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("before"), Serializable: true})
			return err == nil && len(resp.Kvs) == 1
		})
		state, err := learner.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		require.True(t, state.IsLearner)
		for name, call := range map[string]func() error{
			"put": func() error {
				_, err := learner.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a")})
				return err
			},
			"linearizable range": func() error {
				_, err := learner.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("a")})
				return err
			},
			"txn": func() error {
				_, err := learner.kv.Txn(e.ctx, &pb.TxnRequest{})
				return err
			},
			"member list": func() error {
				_, err := learner.admin.MemberList(e.ctx, &pb.MemberListRequest{})
				return err
			},
			"grant": func() error {
				_, err := learner.lease.LeaseGrant(e.ctx, &pb.LeaseGrantRequest{TTL: 10})
				return err
			},
			"watch": func() error {
				stream, err := learner.watch.Watch(e.ctx)
				if err != nil {
					return err
				}
				_, err = stream.Recv()
				return err
			},
		} {
			t.Log(name)
			err := call()
			require.Equal(t, "etcdserver: rpc not supported for learner", status.Convert(err).Message())
			if e.target.has(learnerRefusal) {
				requireCode(t, codes.FailedPrecondition, err)
			}
		}

		e.until(t, "the learner to catch up and be promoted", func() bool {
			_, err := e.admin.MemberPromote(e.ctx, &pb.MemberPromoteRequest{ID: added.Member.ID})
			if err != nil {
				requireStatus(t, rpctypes.ErrGRPCLearnerNotReady, err)
			}
			return err == nil
		})
		require.NoError(t, m.WaitHealthy(e.ctx))
		_, err = learner.kv.Put(e.ctx, &pb.PutRequest{Key: e.key("a"), Value: []byte("by the promoted")})
		require.NoError(t, err)
		require.Equal(t, "by the promoted", string(e.get(t, "a").Value))
		_, err = e.admin.MemberPromote(e.ctx, &pb.MemberPromoteRequest{ID: added.Member.ID})
		requireStatus(t, rpctypes.ErrGRPCMemberNotLearner, err)
		for _, member := range list(t, e) {
			require.False(t, member.IsLearner)
			require.NotEmpty(t, member.Name)
			require.NotEmpty(t, member.ClientURLs)
		}
	})
	s.run("garbage_urls_in_update_do_no_harm", func(t *testing.T, e *env) {
		// etcd does not check them; whatever a server answers, it must serve on.
		_, err := e.admin.MemberUpdate(e.ctx, &pb.MemberUpdateRequest{ID: 4712, PeerURLs: []string{"nonsense"}})
		require.Contains(t, []codes.Code{codes.NotFound, codes.InvalidArgument}, status.Code(err))
		requireServing(t, e)
	})
}

// change makes a change of members, again when it gets no answer: raft drops one that comes before it knows that the last
// one is applied, and etcd lets whoever asked for it wait.
func (e *env) change(call func(ctx context.Context) error) error {
	for {
		ctx, cancel := context.WithTimeout(e.ctx, 5*time.Second)
		err := call(ctx)
		cancel()
		if status.Code(err) != codes.DeadlineExceeded || e.ctx.Err() != nil {
			return err
		}
	}
}
