package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/tlstest"
)

// caller is somebody who calls: over a connection, with a token or without.
type caller struct {
	name string
	conn *grpc.ClientConn
	with func(context.Context) context.Context
}

// world is a server of the matrix: keys below in/ that its users may use, keys
// below out/ that they may not, leases of both, and who calls.
type world struct {
	*realm
	// fresh renews tokens before a caller's turn, where they go stale by every
	// change.
	fresh   func(t *testing.T)
	callers []caller

	in, out, free int64 // leases: with keys below in/, below out/, with none
	member        uint64
	peerURL       string
	learners      int // that were added

	leader   *v3electionpb.LeaderKey // of the election in/leader
	restored int64                   // the revision at which all keys were there
}

// The permissions of the users of every world, by name; the user has a role of
// its own name.
var matrixUsers = map[string]*authpb.Permission{
	"permitted": canBoth("in/", "in0"),
	"reader":    canRead("in/", "in0"),
	"writer":    canWrite("in/", "in0"),
	"other":     canBoth("out/", "out0"),
}

// settle fills a server whose authentication is off; the caller turns it on.
func settle(t *testing.T, r *realm) *world {
	t.Helper()
	// The realm's own context ends with a case's time; a matrix takes longer.
	ctx, cancel := context.WithTimeout(context.Background(), worldTimeout)
	t.Cleanup(cancel)
	r.ctx, r.root = ctx, ctx
	w := &world{realm: r, fresh: func(*testing.T) {}}
	for name, perm := range matrixUsers {
		r.addUser(t, name)
		r.addRole(t, name, perm)
		r.grantRole(t, name, name)
	}
	_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: "unlocked", Options: &authpb.UserAddOptions{NoPassword: true}})
	require.NoError(t, err)
	for id, keys := range map[int64][]string{1001: {"in/leased"}, 1002: {"in/leased2", "out/leased"}, 1003: nil, leadersLease: nil} {
		_, err = r.lease.LeaseGrant(r.root, &pb.LeaseGrantRequest{ID: id, TTL: 9000})
		require.NoError(t, err)
		for _, k := range keys {
			_, err = r.kv.Put(r.root, &pb.PutRequest{Key: []byte(k), Lease: id})
			require.NoError(t, err)
		}
	}
	w.in, w.out, w.free = 1001, 1002, 1003
	members, err := r.admin.MemberList(r.root, &pb.MemberListRequest{})
	require.NoError(t, err)
	w.member, w.peerURL = members.Members[0].ID, members.Members[0].PeerURLs[0]
	return w
}

// tokenWorld is a server of simple tokens.
func tokenWorld(t *testing.T, tg target) *world {
	w := settle(t, startRealm(t, tg, authFlags...))
	w.addUser(t, "stale")
	w.grantRole(t, "stale", "permitted")
	w.enable(t)
	tokens := map[string]string{}
	login := func(t *testing.T) {
		w.root = w.login(t, "root", rootPassword)
		for name := range matrixUsers {
			tokens[name] = w.token(t, name, name)
		}
		tokens["root"] = w.token(t, "root", rootPassword)
	}
	login(t)
	stale := w.token(t, "stale", "stale")
	_, err := w.auth.UserChangePassword(w.root, &pb.AuthUserChangePasswordRequest{Name: "stale", Password: "stale"})
	require.NoError(t, err)
	tokens["stale"] = stale
	w.callers = []caller{{"none", w.conn, func(ctx context.Context) context.Context { return ctx }}}
	for _, name := range []string{"other", "reader", "writer", "permitted", "root", "stale"} {
		w.callers = append(w.callers, caller{name, w.conn, func(ctx context.Context) context.Context { return withToken(ctx, tokens[name]) }})
	}
	// Tokens end when authentication is turned off.
	w.fresh = func(t *testing.T) {
		if _, err := w.kv.Range(w.root, &pb.RangeRequest{Key: []byte("in/a"), Serializable: true}); err != nil {
			login(t)
		}
	}
	return w
}

// jwtWorld is a server of signed tokens, which every change makes old.
func jwtWorld(t *testing.T, tg target) *world {
	s := newSigner(t, "ES256")
	w := settle(t, startRealm(t, tg, append([]string{s.flag()}, authFlags...)...))
	w.enable(t)
	var rev uint64
	renew := func(t *testing.T) {
		if now := w.revision(t); now != rev {
			rev = now
			w.root = w.as(s.sign(t, fresh("root", rev)))
		}
	}
	renew(t)
	w.fresh = renew
	signed := func(name, user string, revision func() uint64) caller {
		return caller{name, w.conn, func(ctx context.Context) context.Context {
			return withToken(ctx, s.sign(t, fresh(user, revision())))
		}}
	}
	now, old := func() uint64 { return rev }, func() uint64 { return 1 }
	w.callers = []caller{
		signed("jwt_permitted", "permitted", now), signed("jwt_root", "root", now), signed("jwt_nobody", "nobody", now),
		signed("jwt_permitted_old", "permitted", old), signed("jwt_root_old", "root", old),
		signed("jwt_root_coming", "root", func() uint64 { return rev + 1000 }),
	}
	return w
}

// certWorld is a server whose users are the common names of certificates.
func certWorld(t *testing.T, tg target) *world {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	admin := ca.Client("admin", "root")
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cluster, err := process.Start(ctx, process.Config{
		Binary: tg.bin, Root: t.TempDir(), ClientTLS: ca.Config(admin),
		Flags: append(tlstest.ClientPortFlags(ca, ca.Server("server"), true), authFlags...),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	dial := func(p tlstest.Pair) *grpc.ClientConn {
		conn, err := grpc.NewClient(cluster.Member(0).ClientURL[len("https://"):], grpc.WithTransportCredentials(credentials.NewTLS(ca.Config(p))))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	srv := &server{target: tg, cluster: cluster, stubs: stubsOf(dial(admin))}
	caseCtx, cancelCase := context.WithTimeout(context.Background(), caseTimeout)
	t.Cleanup(cancelCase)
	r := realmOf(&env{server: srv, ctx: caseCtx})
	r.addRoot(t)
	w := settle(t, r)
	_, err = w.auth.AuthEnable(w.root, &pb.AuthEnableRequest{})
	require.NoError(t, err)
	plain := func(ctx context.Context) context.Context { return ctx }
	permitted := dial(ca.Client("permitted", "permitted"))
	w.callers = []caller{
		{"cn_permitted", permitted, plain},
		{"cn_root", w.conn, plain},
		{"cn_nobody", dial(ca.Client("nobody", "nobody")), plain},
		{"cn_empty", dial(ca.Client("empty", "")), plain},
		{"cn_permitted_bad_token", permitted, func(ctx context.Context) context.Context { return withToken(ctx, "nonsense.1") }},
	}
	// A token goes before the common name.
	token := ""
	w.fresh = func(t *testing.T) {
		if _, err := pb.NewKVClient(permitted).Range(withToken(w.ctx, token), &pb.RangeRequest{Key: []byte("out/a"), Serializable: true}); err != nil {
			token = w.token(t, "other", "other")
		}
	}
	w.fresh(t)
	w.callers = append(w.callers, caller{"cn_root_token_of_other", w.conn, func(ctx context.Context) context.Context { return withToken(ctx, token) }})
	return w
}

// stubsOf are the services over a connection.
func stubsOf(conn *grpc.ClientConn) stubs {
	return stubs{
		conn: conn, kv: pb.NewKVClient(conn), watch: pb.NewWatchClient(conn), lease: pb.NewLeaseClient(conn),
		admin: pb.NewClusterClient(conn), maint: pb.NewMaintenanceClient(conn),
	}
}

// leadersLease is of the leader of in/leader, and of no other key.
const leadersLease = 1004

// worldTimeout bounds the calls of one world.
const worldTimeout = 5 * time.Minute
