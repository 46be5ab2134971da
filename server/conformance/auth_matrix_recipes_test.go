package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// recipeAttempts are the rows of Lock and Election, which call KV and Lease in
// their caller's name. Before each turn nobody holds a lock, and a lease
// of root's leads the election in/leader.
func recipeAttempts() []attempt {
	ready := func(t *testing.T, w *world) {
		for _, prefix := range []string{"in/lock/", "out/lock/", "in/vote/", "out/vote/", "in/leader/"} {
			end := prefix[:len(prefix)-1] + "0"
			_, err := w.kv.DeleteRange(w.root, &pb.DeleteRangeRequest{Key: []byte(prefix), RangeEnd: []byte(end)})
			require.NoError(t, err)
		}
		resp, err := v3electionpb.NewElectionClient(w.conn).Campaign(w.root, &v3electionpb.CampaignRequest{Name: []byte("in/leader"), Lease: leadersLease, Value: []byte("root")})
		require.NoError(t, err)
		w.leader = resp.Leader
	}
	leads := func(w *world) *v3electionpb.LeaderKey { return proto.Clone(w.leader).(*v3electionpb.LeaderKey) }
	out := []attempt{
		just("Lock/Unlock", "in", &v3lockpb.UnlockRequest{Key: []byte("in/lock/1")}),
		just("Lock/Unlock", "out", &v3lockpb.UnlockRequest{Key: []byte("out/lock/1")}),
		just("Election/Leader", "none", &v3electionpb.LeaderRequest{Name: []byte("in/vote")}),
		just("Election/Leader", "in", &v3electionpb.LeaderRequest{Name: []byte("in/leader")}),
		just("Election/Leader", "out", &v3electionpb.LeaderRequest{Name: []byte("out/vote")}),
		just("Election/Observe", "in", &v3electionpb.LeaderRequest{Name: []byte("in/leader")}),
		just("Election/Proclaim", "nothing", &v3electionpb.ProclaimRequest{Value: []byte("1")}),
		just("Election/Resign", "nothing", &v3electionpb.ResignRequest{}),
		of("Election/Proclaim", "in", func(w *world) proto.Message {
			return &v3electionpb.ProclaimRequest{Leader: leads(w), Value: []byte("1")}
		}, nil),
		of("Election/Resign", "in", func(w *world) proto.Message { return &v3electionpb.ResignRequest{Leader: leads(w)} }, nil),
	}
	for name, lease := range map[string]int64{"new lease": 0, "lease in": 1001, "lease out": 1002} {
		for _, key := range []string{"in", "out"} {
			out = append(out,
				just("Lock/Lock", key+" "+name, &v3lockpb.LockRequest{Name: []byte(key + "/lock"), Lease: lease}),
				just("Election/Campaign", key+" "+name, &v3electionpb.CampaignRequest{Name: []byte(key + "/vote"), Lease: lease, Value: []byte("1")}))
		}
	}
	for i := range out {
		out[i].prepare = ready
	}
	return out
}
