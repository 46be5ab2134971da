package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/metadata"
)

// authTokenCases: simple tokens, how they come and when they end.
func authTokenCases(s *suite) {
	s.enableAuth()
	read := func(r *realm, ctx context.Context) error {
		_, err := r.kv.Range(ctx, &pb.RangeRequest{Key: []byte("k")})
		return err
	}
	s.runAs("form", func(t *testing.T, r *realm) {
		r.newUser(t, r.name("u"))
		a, b := r.token(t, r.name("u"), r.name("u")), r.token(t, r.name("u"), r.name("u"))
		require.Regexp(t, `^[a-zA-Z]{16}\.[0-9]+$`, a)
		require.NotEqual(t, a, b)
	})
	s.runAs("logins_are_apart", func(t *testing.T, r *realm) {
		first := r.newUser(t, r.name("u"), canRead("k", ""))
		second := r.login(t, r.name("u"), r.name("u"))
		require.NoError(t, read(r, first))
		require.NoError(t, read(r, second))
	})
	s.runAs("invalid", func(t *testing.T, r *realm) {
		r.newUser(t, r.name("u"), canRead("k", ""))
		good := r.token(t, r.name("u"), r.name("u"))
		for _, token := range []string{"", "x", ".", "a.b", "a.1", "x" + good, good + ".1", "Bearer", "Bearer ", "..", "abcdefghijklmnop.x"} {
			requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, read(r, r.as(token)))
			if r.target.has(guardsClosed) {
				require.EqualError(t, r.watchError(r.as(token), []byte("k"), nil), rpctypes.ErrorDesc(rpctypes.ErrGRPCInvalidAuthToken))
			}
		}
	})
	s.runAs("headers", func(t *testing.T, r *realm) {
		needs(t, r.env, bearerToken)
		r.newUser(t, r.name("u"), canRead("k", ""))
		token := r.token(t, r.name("u"), r.name("u"))
		for _, pairs := range [][]string{
			{"token", token},
			{"token", "Bearer " + token},
			{"authorization", token},
			{"authorization", "Bearer " + token},
			{"token", token, "authorization", "nonsense"},
			{"token", token, "token", "nonsense"},
		} {
			require.NoError(t, read(r, metadata.AppendToOutgoingContext(r.ctx, pairs...)), "%v", pairs[0])
		}
		for _, pairs := range [][]string{
			{"authorization", "bearer " + token},
			{"authorization", "Basic " + token},
			{"authorization", "nonsense"},
			{"token", "nonsense", "authorization", token},
			{"token", "nonsense", "token", token},
		} {
			requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, read(r, metadata.AppendToOutgoingContext(r.ctx, pairs...)))
		}
	})
	s.runAs("ends_with_the_password", func(t *testing.T, r *realm) {
		user, other := r.newUser(t, r.name("u"), canRead("k", "")), r.newUser(t, r.name("other"), canRead("k", ""))
		second := r.login(t, r.name("u"), r.name("u"))
		// Even when the password stays what it was.
		_, err := r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: r.name("u")})
		require.NoError(t, err)
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, read(r, user))
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, read(r, second))
		require.NoError(t, read(r, other))
		require.NoError(t, read(r, r.login(t, r.name("u"), r.name("u"))))
	})
	s.runAs("ends_with_the_user", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead("k", ""))
		_, err := r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: r.name("u")})
		require.NoError(t, err)
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, read(r, user))
		r.addUser(t, r.name("u"))
		r.grantRole(t, r.name("u"), r.name("u"))
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, read(r, user))
	})
	s.runAs("outlives_other_changes", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead("k", ""))
		r.newUser(t, r.name("other"), canRead("k", ""))
		r.permit(t, r.name("u"), canRead("l", ""))
		require.NoError(t, read(r, user))
		_, err := r.kv.Range(user, &pb.RangeRequest{Key: []byte("l")})
		require.NoError(t, err)
	})
	s.runAs("login_with_a_bad_token", func(t *testing.T, r *realm) {
		needs(t, r.env, loginIgnoresToken)
		r.addUser(t, r.name("u"))
		_, err := r.auth.Authenticate(r.as("nonsense"), &pb.AuthenticateRequest{Name: r.name("u"), Password: r.name("u")})
		require.NoError(t, err, "a login looks at no token")
	})
	s.runAs("stock_client", func(t *testing.T, r *realm) {
		needs(t, r.env, loginIgnoresToken)
		r.newUser(t, r.name("u"), canBoth("k", ""))
		c := r.stockClient(t, r.name("u"))
		_, err := c.Put(r.ctx, "k", "1")
		require.NoError(t, err)
		_, err = c.Put(r.ctx, "l", "1")
		require.ErrorIs(t, err, rpctypes.ErrPermissionDenied)
		// Its token ends, and it gets itself another one.
		_, err = r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: r.name("u")})
		require.NoError(t, err)
		_, err = c.Put(r.ctx, "k", "2")
		require.NoError(t, err)
		watch := c.Watch(r.ctx, "k", clientv3.WithRev(1))
		require.NotEmpty(t, (<-watch).Events)
	})
	s.runAs("stock_client_of_wrong_password", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		_, err := clientv3.New(clientv3.Config{
			Endpoints: r.cluster.Endpoints(), Username: r.name("u"), Password: "wrong", DialTimeout: startTimeout, Logger: zap.NewNop(),
		})
		require.ErrorIs(t, err, rpctypes.ErrAuthFailed)
	})
}

// stockClient is the client library logged in as a user whose password is its
// name.
func (r *realm) stockClient(t *testing.T, name string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{
		Endpoints: r.cluster.Endpoints(), Username: name, Password: name, DialTimeout: startTimeout, Logger: zap.NewNop(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// authTokenTTLCases: tokens of two seconds.
func authTokenTTLCases(s *suite) {
	s.enableAuth()
	s.runAs("unused_token_ends", func(t *testing.T, r *realm) {
		used := r.newUser(t, r.name("u"), canRead("k", ""))
		// Each is tried once, since use prolongs it.
		var unused []context.Context
		var asked []time.Time
		for range 40 {
			asked = append(asked, time.Now())
			unused = append(unused, r.login(t, r.name("u"), r.name("u")))
		}
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for i, ctx := range unused {
			<-tick.C
			_, err := r.kv.Range(used, &pb.RangeRequest{Key: []byte("k")})
			require.NoError(t, err, "a token in use lives on")
			_, err = r.kv.Range(ctx, &pb.RangeRequest{Key: []byte("k")})
			if err != nil {
				requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, err)
				require.GreaterOrEqual(t, time.Since(asked[i]), 2*time.Second, "ended early")
				return
			}
		}
		require.Fail(t, "no token ended")
	})
}

// authThreeCases: users, permissions and tokens hold on every member.
func authThreeCases(s *suite) {
	s.enableAuth()
	s.runAs("token_of_one_member_holds_on_all", func(t *testing.T, r *realm) {
		x := dialTrio(t, &env{server: r.server, ctx: r.root})
		user := r.newUser(t, r.name("u"), canBoth(r.prefix, string(r.end())))
		for _, m := range x.members {
			_, err := m.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
			require.NoError(t, err)
			_, err = m.kv.Put(user, &pb.PutRequest{Key: []byte("elsewhere")})
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		}
	})
	s.runAs("changes_hold_on_all", func(t *testing.T, r *realm) {
		x := dialTrio(t, &env{server: r.server, ctx: r.root})
		user := r.newUser(t, r.name("u"), canBoth(r.prefix, string(r.end())))
		_, err := r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: r.name("u"), Key: []byte(r.prefix), RangeEnd: r.end()})
		require.NoError(t, err)
		for _, m := range x.members {
			_, err := m.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		}
	})
	s.runAs("password_change_ends_tokens_on_all", func(t *testing.T, r *realm) {
		x := dialTrio(t, &env{server: r.server, ctx: r.root})
		user := r.newUser(t, r.name("u"), canBoth(r.prefix, string(r.end())))
		_, err := r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: "new"})
		require.NoError(t, err)
		for _, m := range x.members {
			r.until(t, "the token's end", func() bool {
				_, err := m.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
				return err != nil
			})
			_, err := m.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
			requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, err)
		}
	})
}
