package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errNoPasswordUser is what a user without a password is told; etcd has no
// code for it.
var errNoPasswordUser = status.Error(codes.Unknown, "auth: authentication failed, password was given for no password user")

// authUserCases: users, their passwords and their roles.
func authUserCases(s *suite) {
	s.enableAuth()
	authUserRecordCases(s)
	authPasswordCases(s)
	authUserRoleCases(s)
}

func authUserRecordCases(s *suite) {
	s.runAs("add", func(t *testing.T, r *realm) {
		resp, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: "p"})
		require.NoError(t, err)
		require.NotZero(t, resp.Header.Revision)
		got, err := r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: r.name("u")})
		require.NoError(t, err)
		require.Empty(t, got.Roles)
	})
	s.runAs("add_without_name", func(t *testing.T, r *realm) {
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Password: "p"})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
	})
	s.runAs("add_twice", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: "other"})
		requireStatus(t, rpctypes.ErrGRPCUserAlreadyExist, err)
		r.login(t, r.name("u"), r.name("u"))
	})
	s.runAs("odd_names", func(t *testing.T, r *realm) {
		for _, name := range []string{" ", "a b", "ü", "a\x00b", "a/../b", strings.Repeat("n", 72)} {
			r.newUser(t, name, canRead("x", ""))
			got, err := r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: name})
			require.NoError(t, err)
			require.Equal(t, []string{name}, got.Roles)
			_, err = r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: name})
			require.NoError(t, err)
		}
	})
	s.runAs("delete", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canBoth("x", ""))
		_, err := r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: r.name("u")})
		require.NoError(t, err)
		_, err = r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: []byte("x")})
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, err)
		_, err = r.auth.RoleGet(r.root, &pb.AuthRoleGetRequest{Role: r.name("u")})
		require.NoError(t, err, "the role stays")
	})
	s.runAs("unknown", func(t *testing.T, r *realm) {
		_, err := r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
		_, err = r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
		_, err = r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: "p"})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
		_, err = r.auth.UserGrantRole(r.root, &pb.AuthUserGrantRoleRequest{User: r.name("u"), Role: "root"})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
		_, err = r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: r.name("u"), Role: "root"})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
	})
	s.runAs("list_is_sorted", func(t *testing.T, r *realm) {
		for _, n := range []string{"b", "c", "a"} {
			r.addUser(t, r.name(n))
		}
		resp, err := r.auth.UserList(r.root, &pb.AuthUserListRequest{})
		require.NoError(t, err)
		require.IsIncreasing(t, resp.Users)
		require.Subset(t, resp.Users, []string{"root", r.name("a"), r.name("b"), r.name("c")})
	})
	s.runAs("own_record", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead("x", ""))
		r.addUser(t, r.name("other"))
		got, err := r.auth.UserGet(user, &pb.AuthUserGetRequest{Name: r.name("u")})
		require.NoError(t, err)
		require.Equal(t, []string{r.name("u")}, got.Roles)
		for _, name := range []string{r.name("other"), "root", r.name("nobody"), ""} {
			_, err = r.auth.UserGet(user, &pb.AuthUserGetRequest{Name: name})
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		}
		_, err = r.auth.UserList(user, &pb.AuthUserListRequest{})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("no_record_without_token", func(t *testing.T, r *realm) {
		_, err := r.auth.UserGet(r.ctx, &pb.AuthUserGetRequest{Name: "root"})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		_, err = r.auth.UserList(r.ctx, &pb.AuthUserListRequest{})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
	})
}

func authPasswordCases(s *suite) {
	s.runAs("wrong_password", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		for _, password := range []string{"", "wrong", r.name("u") + "x", strings.Repeat("p", 100)} {
			_, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: password})
			requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
		}
	})
	s.runAs("unknown_user", func(t *testing.T, r *realm) {
		for _, name := range []string{"", r.name("nobody")} {
			_, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: name, Password: "p"})
			requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
		}
	})
	s.runAs("change", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		_, err := r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: "new"})
		require.NoError(t, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
		r.login(t, r.name("u"), "new")
	})
	s.runAs("change_back", func(t *testing.T, r *realm) {
		// A cache of verified passwords must not outlive a change.
		r.addUser(t, r.name("u"))
		r.login(t, r.name("u"), r.name("u"))
		for _, p := range []string{"second", r.name("u"), "third"} {
			_, err := r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: p})
			require.NoError(t, err)
			r.login(t, r.name("u"), p)
			r.login(t, r.name("u"), p)
		}
		for _, p := range []string{"second", r.name("u")} {
			_, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: p})
			requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
		}
	})
	s.runAs("only_root_changes", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"))
		for _, name := range []string{r.name("u"), "root"} { // not even its own
			_, err := r.auth.UserChangePassword(user, &pb.AuthUserChangePasswordRequest{Name: name, Password: "p"})
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		}
		r.login(t, r.name("u"), r.name("u"))
	})
	s.runAs("added_again_with_another", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		r.login(t, r.name("u"), r.name("u"))
		_, err := r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: r.name("u")})
		require.NoError(t, err)
		_, err = r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: "other"})
		require.NoError(t, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
		r.login(t, r.name("u"), "other")
	})
	s.runAs("too_long", func(t *testing.T, r *realm) {
		needs(t, r.env, longPasswordRefused)
		long := strings.Repeat("p", 73) // bcrypt takes 72 bytes
		want := status.Error(codes.Unknown, "bcrypt: password length exceeds 72 bytes")
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: long})
		requireStatus(t, want, err)
		_, err = r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: long[:72]})
		require.NoError(t, err)
		_, err = r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: long})
		requireStatus(t, want, err)
		r.login(t, r.name("u"), long[:72])
	})
	s.runAs("hash_from_client_is_ignored", func(t *testing.T, r *realm) {
		needs(t, r.env, hashBeforeLog)
		// bcrypt of "known" at cost 4
		hash := "JDJhJDA0JHhQemdqU1pZR1RFYnBQdVJ6bUFvVmVWcmF2VXJ5N0JYb2JoZDI1bG9uVnNNMHhJUHJpRlVp"
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: "real", HashedPassword: hash})
		require.NoError(t, err)
		r.login(t, r.name("u"), "real")
	})
	s.runAs("none", func(t *testing.T, r *realm) {
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Options: &authpb.UserAddOptions{NoPassword: true}})
		require.NoError(t, err)
		for _, password := range []string{"", "p"} {
			_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: password})
			requireStatus(t, errNoPasswordUser, err)
		}
		_, err = r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: r.name("u"), Password: "p"})
		require.NoError(t, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: "p"})
		requireStatus(t, errNoPasswordUser, err)
	})
	s.runAs("none_though_given", func(t *testing.T, r *realm) {
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u"), Password: "p", Options: &authpb.UserAddOptions{NoPassword: true}})
		require.NoError(t, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: "p"})
		requireStatus(t, errNoPasswordUser, err)
	})
	s.runAs("empty", func(t *testing.T, r *realm) {
		_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: r.name("u")})
		require.NoError(t, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u")})
		require.NoError(t, err)
		_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: r.name("u"), Password: "p"})
		requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
	})
}

func authUserRoleCases(s *suite) {
	s.runAs("roles_are_sorted", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		for _, n := range []string{"c", "a", "b"} {
			r.addRole(t, r.name(n))
			r.grantRole(t, r.name("u"), r.name(n))
		}
		r.grantRole(t, r.name("u"), r.name("c")) // twice is no error
		got, err := r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: r.name("u")})
		require.NoError(t, err)
		require.Equal(t, []string{r.name("a"), r.name("b"), r.name("c")}, got.Roles)
	})
	s.runAs("grant_unknown_role", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		_, err := r.auth.UserGrantRole(r.root, &pb.AuthUserGrantRoleRequest{User: r.name("u"), Role: r.name("nothing")})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
		_, err = r.auth.UserGrantRole(r.root, &pb.AuthUserGrantRoleRequest{User: r.name("u")})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
	})
	s.runAs("revoke_what_was_not_granted", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		for _, role := range []string{r.name("nothing"), "root", ""} {
			_, err := r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: r.name("u"), Role: role})
			requireStatus(t, rpctypes.ErrGRPCRoleNotGranted, err)
		}
	})
	s.runAs("role_root_makes_root", func(t *testing.T, r *realm) {
		r.addUser(t, r.name("u"))
		user := r.login(t, r.name("u"), r.name("u"))
		_, err := r.auth.UserList(user, &pb.AuthUserListRequest{})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		r.grantRole(t, r.name("u"), "root")
		_, err = r.auth.UserList(user, &pb.AuthUserListRequest{})
		require.NoError(t, err)
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		require.NoError(t, err)
		_, err = r.auth.UserRevokeRole(user, &pb.AuthUserRevokeRoleRequest{Name: r.name("u"), Role: "root"})
		require.NoError(t, err, "of others than the user root it can be revoked")
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("root_is_root_by_its_role", func(t *testing.T, r *realm) {
		_, err := r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: "root", Role: "root"})
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthMgmt, err)
		_, err = r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: "root"})
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthMgmt, err)
		r.addRole(t, r.name("extra"))
		r.grantRole(t, "root", r.name("extra"))
		_, err = r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: "root", Role: r.name("extra")})
		require.NoError(t, err)
	})
	s.runAs("reuse_of_a_name_brings_no_roles_back", func(t *testing.T, r *realm) {
		r.newUser(t, r.name("u"), canBoth(r.prefix, "zzz"))
		_, err := r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: r.name("u")})
		require.NoError(t, err)
		r.addUser(t, r.name("u"))
		user := r.login(t, r.name("u"), r.name("u"))
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
}
