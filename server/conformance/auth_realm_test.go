package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/metadata"
)

// authFlags makes password hashing cheap, which the families of auth do a lot of.
var authFlags = []string{"--bcrypt-cost=4"}

// rootPassword is root's in every family whose authentication is on.
const rootPassword = "the password of root"

// realm is a server with users: its Auth service, and a context that calls as
// root.
type realm struct {
	*env
	auth pb.AuthClient
	root context.Context
}

// realmOf is a realm whose root calls carry no token: authentication is off,
// or a case brings its own.
func realmOf(e *env) *realm {
	return &realm{env: e, auth: pb.NewAuthClient(e.conn), root: e.ctx}
}

// enableAuth makes root and turns authentication on; the family's cases then
// run with runAs.
func (s *suite) enableAuth() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), caseTimeout)
	defer cancel()
	r := realmOf(&env{server: s.srv, ctx: ctx})
	r.addRoot(s.t)
	r.enable(s.t)
}

// runAs registers a case of a family whose authentication is on.
func (s *suite) runAs(name string, fn func(t *testing.T, r *realm)) {
	s.run(name, func(t *testing.T, e *env) {
		r := realmOf(e)
		r.root = r.login(t, "root", rootPassword)
		fn(t, r)
	})
}

// addRoot adds the user root with the role root.
func (r *realm) addRoot(t *testing.T) {
	t.Helper()
	_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: "root", Password: rootPassword})
	require.NoError(t, err)
	// etcd grants the role root without it being there; RoleGet and RoleDelete need it.
	_, err = r.auth.RoleAdd(r.root, &pb.AuthRoleAddRequest{Name: "root"})
	require.NoError(t, err)
	_, err = r.auth.UserGrantRole(r.root, &pb.AuthUserGrantRoleRequest{User: "root", Role: "root"})
	require.NoError(t, err)
}

// enable turns authentication on and logs root in.
func (r *realm) enable(t *testing.T) {
	t.Helper()
	_, err := r.auth.AuthEnable(r.root, &pb.AuthEnableRequest{})
	require.NoError(t, err)
	r.root = r.login(t, "root", rootPassword)
}

// disable turns authentication off; root needs no token then.
func (r *realm) disable(t *testing.T) {
	t.Helper()
	_, err := r.auth.AuthDisable(r.root, &pb.AuthDisableRequest{})
	require.NoError(t, err)
	r.root = r.ctx
}

// clear removes root and what else there is, so that the next case of the
// family finds the server as it was. Authentication is off.
func (r *realm) clear(t *testing.T) {
	t.Helper()
	users, err := r.auth.UserList(r.root, &pb.AuthUserListRequest{})
	require.NoError(t, err)
	for _, u := range users.Users {
		_, err = r.auth.UserDelete(r.root, &pb.AuthUserDeleteRequest{Name: u})
		require.NoError(t, err)
	}
	roles, err := r.auth.RoleList(r.root, &pb.AuthRoleListRequest{})
	require.NoError(t, err)
	for _, role := range roles.Roles {
		_, err = r.auth.RoleDelete(r.root, &pb.AuthRoleDeleteRequest{Role: role})
		require.NoError(t, err)
	}
}

// as is a call with a token.
func (r *realm) as(token string) context.Context { return withToken(r.ctx, token) }

func withToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpctypes.TokenFieldNameGRPC, token)
}

// token authenticates and returns the token.
func (r *realm) token(t *testing.T, name, password string) string {
	t.Helper()
	resp, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: name, Password: password})
	require.NoError(t, err)
	require.NotNil(t, resp.Header)
	require.NotEmpty(t, resp.Token)
	return resp.Token
}

// login authenticates and returns a context for calls as that user.
func (r *realm) login(t *testing.T, name, password string) context.Context {
	t.Helper()
	return r.as(r.token(t, name, password))
}

// addUser adds a user whose password is its name.
func (r *realm) addUser(t *testing.T, name string) {
	t.Helper()
	_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: name, Password: name})
	require.NoError(t, err)
}

// addRole adds a role with these permissions.
func (r *realm) addRole(t *testing.T, name string, perms ...*authpb.Permission) {
	t.Helper()
	_, err := r.auth.RoleAdd(r.root, &pb.AuthRoleAddRequest{Name: name})
	require.NoError(t, err)
	for _, p := range perms {
		r.permit(t, name, p)
	}
}

func (r *realm) permit(t *testing.T, role string, p *authpb.Permission) {
	t.Helper()
	_, err := r.auth.RoleGrantPermission(r.root, &pb.AuthRoleGrantPermissionRequest{Name: role, Perm: p})
	require.NoError(t, err)
}

func (r *realm) grantRole(t *testing.T, user, role string) {
	t.Helper()
	_, err := r.auth.UserGrantRole(r.root, &pb.AuthUserGrantRoleRequest{User: user, Role: role})
	require.NoError(t, err)
}

// newUser adds a user and a role of one name with these permissions, and
// returns a context for calls as that user.
func (r *realm) newUser(t *testing.T, name string, perms ...*authpb.Permission) context.Context {
	t.Helper()
	r.addUser(t, name)
	r.addRole(t, name, perms...)
	r.grantRole(t, name, name)
	return r.login(t, name, name)
}

// name is a user or role of this case alone.
func (r *realm) name(s string) string { return r.prefix + s }

// Permissions: on a range [key, end), or on one key.

func canRead(key, end string) *authpb.Permission {
	return &authpb.Permission{PermType: authpb.Permission_READ, Key: []byte(key), RangeEnd: []byte(end)}
}

func canWrite(key, end string) *authpb.Permission {
	return &authpb.Permission{PermType: authpb.Permission_WRITE, Key: []byte(key), RangeEnd: []byte(end)}
}

func canBoth(key, end string) *authpb.Permission {
	return &authpb.Permission{PermType: authpb.Permission_READWRITE, Key: []byte(key), RangeEnd: []byte(end)}
}
