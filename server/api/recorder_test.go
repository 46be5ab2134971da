package api

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
	"github.com/petcd/petcd/server/requestlog"
)

// networkAddr is an address of any network.
type networkAddr struct{ network, address string }

func (a networkAddr) Network() string { return a.network }
func (a networkAddr) String() string  { return a.address }

// Only the member's own gateway may say whom it speaks for, and of what it says
// only what it has seen itself counts.
func TestRemoteCannotBeForged(t *testing.T) {
	forged := []string{"grpcgateway-accept", "*/*", "x-forwarded-for", "6.6.6.6", "x-forwarded-for", "7.7.7.7, 1.2.3.4"}
	for name, tc := range map[string]struct {
		from net.Addr
		md   []string
		want string
	}{
		"gateway":             {networkAddr{memory, memory}, forged, "1.2.3.4"},
		"gateway, one":        {networkAddr{memory, memory}, []string{"x-forwarded-for", "1.2.3.4"}, "1.2.3.4"},
		"gateway, none":       {networkAddr{memory, memory}, nil, memory},
		"client with marks":   {networkAddr{"tcp", "5.5.5.5:1"}, forged, "5.5.5.5:1"},
		"without any address": {nil, forged, ""},
	} {
		ctx := metadata.NewIncomingContext(peer.NewContext(t.Context(), &peer.Peer{Addr: tc.from}), metadata.Pairs(tc.md...))
		require.Equal(t, tc.want, remote(ctx), name)
	}
	require.Empty(t, remote(t.Context()))
}

// A gateway's mark keeps a certificate from making a user, not from being
// recorded.
func TestCertificateIsRecorded(t *testing.T) {
	ctx := withCertificate(t.Context(), "ann", true, "grpcgateway-accept", "*/*")
	_, user := commonName(ctx)
	require.False(t, user)
	name, _ := certificateName(ctx)
	require.Equal(t, "ann", name)
}

func TestActorIsTheFirst(t *testing.T) {
	a := actorOf(withActor(t.Context()))
	require.Empty(t, a.name())
	for _, name := range []string{"", "ann", "bob"} {
		a.note(name)
	}
	require.Equal(t, "ann", a.name())
	actorOf(t.Context()).note("nobody records")
}

func TestRecipesAreRecordedWithTheirKeys(t *testing.T) {
	leader := &v3electionpb.LeaderKey{Key: []byte("k")}
	for _, req := range []any{
		&v3lockpb.LockRequest{Name: []byte("k")}, &v3lockpb.UnlockRequest{Key: []byte("k")},
		&v3electionpb.CampaignRequest{Name: []byte("k"), Value: []byte("secret")}, &v3electionpb.LeaderRequest{Name: []byte("k")},
		&v3electionpb.ProclaimRequest{Leader: leader, Value: []byte("secret")}, &v3electionpb.ResignRequest{Leader: leader},
	} {
		var q requestlog.Request
		recordWhat(&q, req)
		require.Equal(t, requestlog.Request{Key: "k"}, q, "%T", req)
	}
	recordWhat(new(requestlog.Request), &v3electionpb.ResignRequest{})
}
