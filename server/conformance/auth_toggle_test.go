package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// authToggleCases: turning authentication on and off, and what holds while it
// is off. Each case leaves it off and no user behind.
func authToggleCases(s *suite) {
	run := func(name string, fn func(t *testing.T, r *realm)) {
		s.run(name, func(t *testing.T, e *env) {
			r := realmOf(e)
			fn(t, r)
			r.clear(t)
		})
	}
	status := func(t *testing.T, r *realm) *pb.AuthStatusResponse {
		resp, err := r.auth.AuthStatus(r.ctx, &pb.AuthStatusRequest{})
		require.NoError(t, err)
		require.NotNil(t, resp.Header)
		return resp
	}
	run("off_at_first", func(t *testing.T, r *realm) {
		needs(t, r.env, authStatus)
		resp := status(t, r)
		require.False(t, resp.Enabled)
		require.EqualValues(t, 1, resp.AuthRevision)
	})
	run("enable_without_root", func(t *testing.T, r *realm) {
		_, err := r.auth.AuthEnable(r.ctx, &pb.AuthEnableRequest{})
		requireStatus(t, rpctypes.ErrGRPCRootUserNotExist, err)
	})
	run("enable_without_role_root", func(t *testing.T, r *realm) {
		r.addUser(t, "root")
		_, err := r.auth.AuthEnable(r.ctx, &pb.AuthEnableRequest{})
		requireStatus(t, rpctypes.ErrGRPCRootRoleNotExist, err)
		r.addRole(t, "other")
		r.grantRole(t, "root", "other")
		_, err = r.auth.AuthEnable(r.ctx, &pb.AuthEnableRequest{})
		requireStatus(t, rpctypes.ErrGRPCRootRoleNotExist, err)
	})
	run("enable_needs_no_role_root_but_the_grant", func(t *testing.T, r *realm) {
		r.addUser(t, "root")
		r.grantRole(t, "root", "root")
		_, err := r.auth.AuthEnable(r.ctx, &pb.AuthEnableRequest{})
		require.NoError(t, err)
		r.root = r.login(t, "root", "root")
		_, err = r.auth.RoleGet(r.root, &pb.AuthRoleGetRequest{Role: "root"})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
		r.disable(t)
	})
	run("authenticate_while_off", func(t *testing.T, r *realm) {
		r.addRoot(t)
		for _, password := range []string{rootPassword, "wrong"} {
			_, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "root", Password: password})
			requireStatus(t, rpctypes.ErrGRPCAuthNotEnabled, err)
		}
	})
	run("disable_while_off", func(t *testing.T, r *realm) {
		_, err := r.auth.AuthDisable(r.ctx, &pb.AuthDisableRequest{})
		require.NoError(t, err)
	})
	run("enable_twice", func(t *testing.T, r *realm) {
		needs(t, r.env, authStatus)
		r.addRoot(t)
		r.enable(t)
		before := status(t, r)
		require.True(t, before.Enabled)
		_, err := r.auth.AuthEnable(r.root, &pb.AuthEnableRequest{})
		require.NoError(t, err)
		require.Equal(t, before.AuthRevision, status(t, r).AuthRevision)
		r.disable(t)
	})
	run("auth_revision_counts_changes", func(t *testing.T, r *realm) {
		needs(t, r.env, authStatus)
		rev := status(t, r).AuthRevision
		grows := func(by uint64, what string) {
			now := status(t, r).AuthRevision
			require.Equal(t, rev+by, now, what)
			rev = now
		}
		r.addRoot(t)
		grows(3, "user, role and grant")
		r.enable(t)
		grows(0, "enable")
		r.addRole(t, "role", canRead("a", ""))
		grows(2, "role with a permission")
		r.permit(t, "role", canRead("a", ""))
		grows(1, "the same permission again")
		r.addUser(t, "user")
		r.grantRole(t, "user", "role")
		grows(2, "user with the role")
		r.grantRole(t, "user", "role")
		grows(0, "the same role again")
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: "user", Password: "user"})
		require.Error(t, err)
		grows(0, "a refused change")
		_, err = r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: "user", Password: "new"})
		require.NoError(t, err)
		grows(1, "password")
		r.login(t, "user", "new")
		grows(0, "login")
		r.disable(t)
		grows(1, "disable")
		r.disable(t)
		grows(0, "disable again")
	})
	run("status_needs_no_token", func(t *testing.T, r *realm) {
		needs(t, r.env, authStatus)
		r.addRoot(t)
		r.enable(t)
		require.True(t, status(t, r).Enabled)
		_, err := r.auth.AuthStatus(r.as("nonsense"), &pb.AuthStatusRequest{})
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, err)
		r.disable(t)
	})
	run("no_token_while_on", func(t *testing.T, r *realm) {
		r.put(t, "a", "1")
		r.addRoot(t)
		r.enable(t)
		_, err := r.kv.Range(r.ctx, &pb.RangeRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		_, err = r.kv.Put(r.ctx, &pb.PutRequest{Key: r.key("a"), Value: []byte("2")})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		r.disable(t)
		require.Equal(t, "1", string(r.get(t, "a").Value))
	})
	run("token_while_off", func(t *testing.T, r *realm) {
		needs(t, r.env, tokenIgnored)
		r.addRoot(t)
		r.enable(t)
		token := r.root
		r.disable(t)
		_, err := r.kv.Put(token, &pb.PutRequest{Key: r.key("a")})
		require.NoError(t, err)
	})
	run("disable_ends_tokens", func(t *testing.T, r *realm) {
		r.addRoot(t)
		r.enable(t)
		before := r.root
		r.disable(t)
		r.enable(t)
		_, err := r.kv.Range(before, &pb.RangeRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, err)
		r.disable(t)
	})
	run("only_root_toggles", func(t *testing.T, r *realm) {
		r.addRoot(t)
		r.enable(t)
		user := r.newUser(t, r.name("user"))
		for _, call := range []struct {
			ctx  context.Context
			want error
		}{{user, rpctypes.ErrGRPCPermissionDenied}, {r.ctx, rpctypes.ErrGRPCUserEmpty}} {
			_, err := r.auth.AuthDisable(call.ctx, &pb.AuthDisableRequest{})
			requireStatus(t, call.want, err)
			_, err = r.auth.AuthEnable(call.ctx, &pb.AuthEnableRequest{})
			requireStatus(t, call.want, err)
		}
		r.disable(t)
	})
	run("root_is_protected_only_while_on", func(t *testing.T, r *realm) {
		r.addRoot(t)
		r.enable(t)
		refused := map[string]func() error{
			"user": func() error {
				_, err := r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: "root"})
				return err
			},
			"role": func() error {
				_, err := r.auth.RoleDelete(r.root, &pb.AuthRoleDeleteRequest{Role: "root"})
				return err
			},
			"grant": func() error {
				_, err := r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: "root", Role: "root"})
				return err
			},
		}
		for what, do := range refused {
			t.Log(what)
			requireStatus(t, rpctypes.ErrGRPCInvalidAuthMgmt, do())
		}
		r.disable(t)
		require.NoError(t, refused["grant"]())
		require.NoError(t, refused["role"]())
		require.NoError(t, refused["user"]())
	})
	run("survives_restart", func(t *testing.T, r *realm) {
		r.addRoot(t)
		r.enable(t)
		r.newUser(t, "user", canBoth("a", "b"))
		m := r.cluster.Member(0)
		require.NoError(t, m.Restart())
		require.NoError(t, m.WaitHealthy(r.ctx))
		_, err := r.kv.Range(r.ctx, &pb.RangeRequest{Key: []byte("a")})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		r.root = r.login(t, "root", rootPassword)
		user := r.login(t, "user", "user")
		_, err = r.kv.Put(user, &pb.PutRequest{Key: []byte("a")})
		require.NoError(t, err)
		_, err = r.kv.Put(user, &pb.PutRequest{Key: []byte("b")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		roles, err := r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: "user"})
		require.NoError(t, err)
		require.Equal(t, []string{"user"}, roles.Roles)
		r.disable(t)
	})
}
