package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// authRoleCases: roles and the list of their permissions; what a permission
// permits is in auth_permission.
func authRoleCases(s *suite) {
	s.enableAuth()
	authRoleRecordCases(s)
	authRolePermissionCases(s)
}

// perms are a role's permissions as root sees them.
func (r *realm) perms(t *testing.T, role string) []*authpb.Permission {
	t.Helper()
	resp, err := r.auth.RoleGet(r.root, &pb.AuthRoleGetRequest{Role: role})
	require.NoError(t, err)
	return resp.Perm
}

// requirePerms compares permissions field by field.
func requirePerms(t *testing.T, want, got []*authpb.Permission) {
	t.Helper()
	text := func(list []*authpb.Permission) (out []string) {
		for _, p := range list {
			out = append(out, p.PermType.String()+" ["+string(p.Key)+", "+string(p.RangeEnd)+")")
		}
		return out
	}
	require.Equal(t, text(want), text(got))
}

func authRoleRecordCases(s *suite) {
	s.runAs("add", func(t *testing.T, r *realm) {
		resp, err := r.auth.RoleAdd(r.root, &pb.AuthRoleAddRequest{Name: r.name("r")})
		require.NoError(t, err)
		require.NotZero(t, resp.Header.Revision)
		require.Empty(t, r.perms(t, r.name("r")))
	})
	s.runAs("add_without_name", func(t *testing.T, r *realm) {
		_, err := r.auth.RoleAdd(r.root, &pb.AuthRoleAddRequest{})
		requireStatus(t, rpctypes.ErrGRPCRoleEmpty, err)
	})
	s.runAs("add_twice", func(t *testing.T, r *realm) {
		r.addRole(t, r.name("r"), canRead("a", ""))
		_, err := r.auth.RoleAdd(r.root, &pb.AuthRoleAddRequest{Name: r.name("r")})
		requireStatus(t, rpctypes.ErrGRPCRoleAlreadyExist, err)
		_, err = r.auth.RoleAdd(r.root, &pb.AuthRoleAddRequest{Name: "root"})
		requireStatus(t, rpctypes.ErrGRPCRoleAlreadyExist, err)
		require.Len(t, r.perms(t, r.name("r")), 1)
	})
	s.runAs("unknown", func(t *testing.T, r *realm) {
		name := r.name("r")
		_, err := r.auth.RoleGet(r.root, &pb.AuthRoleGetRequest{Role: name})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
		_, err = r.auth.RoleDelete(r.root, &pb.AuthRoleDeleteRequest{Role: name})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
		_, err = r.auth.RoleGrantPermission(r.root, &pb.AuthRoleGrantPermissionRequest{Name: name, Perm: canRead("a", "")})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
		_, err = r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: name, Key: []byte("a")})
		requireStatus(t, rpctypes.ErrGRPCRoleNotFound, err)
	})
	s.runAs("list_is_sorted", func(t *testing.T, r *realm) {
		for _, n := range []string{"b", "c", "a"} {
			r.addRole(t, r.name(n))
		}
		resp, err := r.auth.RoleList(r.root, &pb.AuthRoleListRequest{})
		require.NoError(t, err)
		require.IsIncreasing(t, resp.Roles)
		require.Subset(t, resp.Roles, []string{"root", r.name("a"), r.name("b"), r.name("c")})
	})
	s.runAs("root_reads_and_writes_all", func(t *testing.T, r *realm) {
		needs(t, r.env, rootPermission)
		requirePerms(t, []*authpb.Permission{canBoth("", "\x00")}, r.perms(t, "root"))
	})
	s.runAs("own_record", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead("x", ""))
		r.addRole(t, r.name("other"))
		got, err := r.auth.RoleGet(user, &pb.AuthRoleGetRequest{Role: r.name("u")})
		require.NoError(t, err)
		requirePerms(t, []*authpb.Permission{canRead("x", "")}, got.Perm)
		for _, name := range []string{r.name("other"), "root", r.name("nothing"), ""} {
			_, err = r.auth.RoleGet(user, &pb.AuthRoleGetRequest{Role: name})
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		}
		_, err = r.auth.RoleList(user, &pb.AuthRoleListRequest{})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("delete_takes_it_from_its_users", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canBoth(r.prefix+"a", ""))
		r.addRole(t, r.name("other"))
		r.grantRole(t, r.name("u"), r.name("other"))
		_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		require.NoError(t, err)
		_, err = r.auth.RoleDelete(r.root, &pb.AuthRoleDeleteRequest{Role: r.name("u")})
		require.NoError(t, err)
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		got, err := r.auth.UserGet(r.root, &pb.AuthUserGetRequest{Name: r.name("u")})
		require.NoError(t, err)
		require.Equal(t, []string{r.name("other")}, got.Roles)
		r.addRole(t, r.name("u"), canBoth(r.prefix+"a", ""))
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("root_cannot_be_deleted", func(t *testing.T, r *realm) {
		_, err := r.auth.RoleDelete(r.root, &pb.AuthRoleDeleteRequest{Role: "root"})
		requireStatus(t, rpctypes.ErrGRPCInvalidAuthMgmt, err)
	})
	s.runAs("root_takes_permissions_without_effect", func(t *testing.T, r *realm) {
		needs(t, r.env, rootPermission)
		r.permit(t, "root", canRead("a", ""))
		requirePerms(t, []*authpb.Permission{canBoth("", "\x00")}, r.perms(t, "root"))
		_, err := r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: "root", Key: []byte("a")})
		require.NoError(t, err)
		_, err = r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: "root", RangeEnd: []byte{0}})
		requireStatus(t, rpctypes.ErrGRPCPermissionNotGranted, err)
	})
}

func authRolePermissionCases(s *suite) {
	s.runAs("permissions_by_key", func(t *testing.T, r *realm) {
		role := r.name("r")
		r.addRole(t, role, canRead("c", ""), canWrite("a", "b"), canBoth("b", "\x00"))
		requirePerms(t, []*authpb.Permission{canWrite("a", "b"), canBoth("b", "\x00"), canRead("c", "")}, r.perms(t, role))
	})
	s.runAs("permission_replaces_that_of_its_range", func(t *testing.T, r *realm) {
		role := r.name("r")
		r.addRole(t, role, canRead("a", "b"), canWrite("a", "b"))
		requirePerms(t, []*authpb.Permission{canWrite("a", "b")}, r.perms(t, role))
		r.permit(t, role, canBoth("a", "b"))
		requirePerms(t, []*authpb.Permission{canBoth("a", "b")}, r.perms(t, role))
	})
	s.runAs("permission_not_given", func(t *testing.T, r *realm) {
		needs(t, r.env, permissionChecked)
		r.addRole(t, r.name("r"))
		for _, role := range []string{r.name("r"), r.name("unknown")} {
			_, err := r.auth.RoleGrantPermission(r.root, &pb.AuthRoleGrantPermissionRequest{Name: role})
			requireStatus(t, rpctypes.ErrGRPCPermissionNotGiven, err)
		}
	})
	for name, p := range map[string]*authpb.Permission{
		"no_key":          canRead("", ""),
		"no_key_but_end":  canRead("", "b"),
		"no_key_from_key": canRead("", "\x00"),
		"end_before_key":  canRead("b", "a"),
		"end_is_key":      canRead("b", "b"),
	} {
		s.runAs("permission_on_"+name, func(t *testing.T, r *realm) {
			needs(t, r.env, permissionChecked)
			r.addRole(t, r.name("r"))
			for _, role := range []string{r.name("r"), r.name("unknown")} { // the range is looked at first
				_, err := r.auth.RoleGrantPermission(r.root, &pb.AuthRoleGrantPermissionRequest{Name: role, Perm: p})
				requireStatus(t, rpctypes.ErrGRPCInvalidAuthMgmt, err)
			}
			require.Empty(t, r.perms(t, r.name("r")))
		})
	}
	s.runAs("permission_of_unknown_kind", func(t *testing.T, r *realm) {
		needs(t, r.env, permissionChecked)
		user := r.newUser(t, r.name("u"))
		_, err := r.auth.RoleGrantPermission(r.root, &pb.AuthRoleGrantPermissionRequest{
			Name: r.name("u"), Perm: &authpb.Permission{PermType: 7, Key: r.key("a")},
		})
		require.NoError(t, err)
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("revoke_needs_the_same_range", func(t *testing.T, r *realm) {
		role := r.name("r")
		r.addRole(t, role, canRead("a", "c"), canRead("a", ""))
		for _, end := range []string{"b", "\x00", "d"} {
			_, err := r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: role, Key: []byte("a"), RangeEnd: []byte(end)})
			requireStatus(t, rpctypes.ErrGRPCPermissionNotGranted, err)
		}
		_, err := r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: role, Key: []byte("a"), RangeEnd: []byte("c")})
		require.NoError(t, err)
		requirePerms(t, []*authpb.Permission{canRead("a", "")}, r.perms(t, role))
		_, err = r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: role, Key: []byte("a")})
		require.NoError(t, err)
		require.Empty(t, r.perms(t, role))
		_, err = r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: role, Key: []byte("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionNotGranted, err)
	})
}
