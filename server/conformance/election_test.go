package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
)

// electionCases: the Election service.
func electionCases(s *suite) {
	election := func(e *env) v3electionpb.ElectionClient { return v3electionpb.NewElectionClient(e.conn) }
	name := func(e *env) []byte { return e.key("election") }
	campaign := func(t *testing.T, e *env, value string) *v3electionpb.LeaderKey {
		t.Helper()
		got, err := election(e).Campaign(e.ctx, &v3electionpb.CampaignRequest{Name: name(e), Lease: e.grant(t, 100), Value: []byte(value)})
		require.NoError(t, err)
		require.Positive(t, got.Header.Revision)
		return got.Leader
	}
	leader := func(t *testing.T, e *env) string {
		t.Helper()
		got, err := election(e).Leader(e.ctx, &v3electionpb.LeaderRequest{Name: name(e)})
		require.NoError(t, err)
		return string(got.Kv.Value)
	}
	errNotLeader := status.Error(codes.Unknown, "election: not leader")
	errMissing := status.Error(codes.Unknown, `"leader" field must be provided`)

	s.run("term_of_a_leader", func(t *testing.T, e *env) {
		key := campaign(t, e, "one")
		require.Equal(t, name(e), key.Name)
		kv := e.rangeOf(t, &pb.RangeRequest{Key: key.Key}).Kvs[0]
		require.Equal(t, kv.CreateRevision, key.Rev)
		require.Equal(t, kv.Lease, key.Lease)
		require.Equal(t, "one", leader(t, e))
		proclaimed, err := election(e).Proclaim(e.ctx, &v3electionpb.ProclaimRequest{Leader: key, Value: []byte("two")})
		require.NoError(t, err)
		require.Greater(t, proclaimed.Header.Revision, key.Rev)
		require.Equal(t, "two", leader(t, e))
		_, err = election(e).Resign(e.ctx, &v3electionpb.ResignRequest{Leader: key})
		require.NoError(t, err)
		_, err = election(e).Leader(e.ctx, &v3electionpb.LeaderRequest{Name: name(e)})
		requireStatus(t, status.Error(codes.Unknown, "election: no leader"), err)
		_, err = election(e).Proclaim(e.ctx, &v3electionpb.ProclaimRequest{Leader: key, Value: []byte("three")})
		requireStatus(t, errNotLeader, err)
		_, err = election(e).Resign(e.ctx, &v3electionpb.ResignRequest{Leader: key})
		require.NoError(t, err, "resigning twice is no error")
	})
	s.run("next_leader", func(t *testing.T, e *env) {
		first := campaign(t, e, "first")
		won := make(chan *v3electionpb.LeaderKey, 1)
		id := e.grant(t, 100)
		go func() {
			got, err := election(e).Campaign(e.ctx, &v3electionpb.CampaignRequest{Name: name(e), Lease: id, Value: []byte("second")})
			if err == nil {
				won <- got.Leader
			}
			close(won)
		}()
		e.until(t, "the second to stand", func() bool {
			return e.rangeOf(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), CountOnly: true}).Count == 2
		})
		require.Equal(t, "first", leader(t, e))
		require.Empty(t, won)
		_, err := e.lease.LeaseRevoke(e.ctx, &pb.LeaseRevokeRequest{ID: first.Lease})
		require.NoError(t, err)
		require.Equal(t, id, (<-won).GetLease())
		require.Equal(t, "second", leader(t, e))
	})
	s.run("campaign_again_changes_the_value", func(t *testing.T, e *env) {
		key := campaign(t, e, "one")
		again, err := election(e).Campaign(e.ctx, &v3electionpb.CampaignRequest{Name: name(e), Lease: key.Lease, Value: []byte("two")})
		require.NoError(t, err)
		require.Equal(t, key.Rev, again.Leader.Rev)
		require.Equal(t, "two", leader(t, e))
	})
	s.run("observe", func(t *testing.T, e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		defer cancel()
		stream, err := election(e).Observe(ctx, &v3electionpb.LeaderRequest{Name: name(e)})
		require.NoError(t, err)
		next := func() string {
			got, err := stream.Recv()
			require.NoError(t, err)
			require.NotNil(t, got.Header)
			return string(got.Kv.Value)
		}
		key := campaign(t, e, "one")
		require.Equal(t, "one", next())
		_, err = election(e).Proclaim(e.ctx, &v3electionpb.ProclaimRequest{Leader: key, Value: []byte("two")})
		require.NoError(t, err)
		require.Equal(t, "two", next())
		_, err = election(e).Resign(e.ctx, &v3electionpb.ResignRequest{Leader: key})
		require.NoError(t, err)
		campaign(t, e, "three")
		require.Equal(t, "three", next())
		cancel()
		_, err = stream.Recv()
		requireCode(t, codes.Canceled, err)
	})
	s.run("lease_of_the_server", func(t *testing.T, e *env) {
		got, err := election(e).Campaign(e.ctx, &v3electionpb.CampaignRequest{Name: name(e)})
		require.NoError(t, err)
		ttl, err := e.lease.LeaseTimeToLive(e.ctx, &pb.LeaseTimeToLiveRequest{ID: got.Leader.Lease})
		require.NoError(t, err)
		require.EqualValues(t, 60, ttl.GrantedTTL)
	})
	s.run("missing_leader", func(t *testing.T, e *env) {
		_, err := election(e).Proclaim(e.ctx, &v3electionpb.ProclaimRequest{Value: []byte("x")})
		requireStatus(t, errMissing, err)
		_, err = election(e).Resign(e.ctx, &v3electionpb.ResignRequest{})
		requireStatus(t, errMissing, err)
	})
	s.run("nonsense", func(t *testing.T, e *env) {
		_, err := election(e).Campaign(e.ctx, &v3electionpb.CampaignRequest{Name: name(e), Lease: 77})
		requireStatus(t, status.Error(codes.Unknown, "etcdserver: requested lease not found"), err)
		lost := &v3electionpb.LeaderKey{Name: name(e), Key: e.key("election/1"), Rev: 5, Lease: e.grant(t, 100)}
		_, err = election(e).Proclaim(e.ctx, &v3electionpb.ProclaimRequest{Leader: lost})
		requireStatus(t, errNotLeader, err)
		_, err = election(e).Resign(e.ctx, &v3electionpb.ResignRequest{Leader: lost})
		require.NoError(t, err)
		empty := &v3electionpb.LeaderKey{Lease: lost.Lease}
		_, err = election(e).Proclaim(e.ctx, &v3electionpb.ProclaimRequest{Leader: empty})
		require.Error(t, err)
		e.put(t, "still_serves", "1")
	})
	s.run("gateway", func(t *testing.T, e *env) {
		got := e.ok(t, "/v3/election/campaign", object{"name": b64(string(name(e))), "value": b64("one")})
		key := got["leader"].(object)
		require.ElementsMatch(t, []string{"name", "key", "rev", "lease"}, keysOf(key))
		l := e.stream(t, "/v3/election/observe", `{"name":"`+b64(string(name(e)))+`"}`)
		require.Equal(t, b64("one"), l.result(t)["kv"].(object)["value"])
		e.ok(t, "/v3/election/proclaim", object{"leader": key, "value": b64("two")})
		require.Equal(t, b64("two"), l.result(t)["kv"].(object)["value"])
		require.Equal(t, b64("two"), e.ok(t, "/v3/election/leader", object{"name": b64(string(name(e)))})["kv"].(object)["value"])
		e.ok(t, "/v3/election/resign", object{"leader": key})
		code, answer := e.post(t, "/v3/election/proclaim", object{"leader": key})
		require.Equal(t, 500, code, "%v", answer)
	})
}
