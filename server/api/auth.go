package api

import (
	"context"
	"errors"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/auth"
)

// authService is etcdserverpb.Auth. Reads go through the log too, as in etcd:
// their answers are as of a place in it.
type authService struct {
	*Server
	pb.UnsafeAuthServer
}

// Authenticate gives a token for a password. The password goes no further than
// its comparison (CVE-2021-28235): the log entry holds the user's name and the
// random beginning of a token.
func (s *authService) Authenticate(ctx context.Context, r *pb.AuthenticateRequest) (*pb.AuthenticateResponse, error) {
	password := r.Password
	r.Password = ""
	if err := s.replica.ReadBarrier(ctx); err != nil {
		return nil, wire(err)
	}
	users := s.replica.Auth()
	for {
		revision, err := users.CheckPassword(ctx, r.Name, password)
		if err != nil {
			if !errors.Is(err, auth.ErrNotEnabled) {
				s.logger.WarnContext(ctx, "invalid authentication was requested", "user", r.Name, "error", err)
			}
			return nil, wire(err)
		}
		req := &pb.InternalAuthenticateRequest{Name: r.Name, SimpleToken: users.TokenPrefix()}
		resp, err := authPropose[*pb.AuthenticateResponse](ctx, s, "Authenticate", &pb.InternalRaftRequest{Authenticate: req})
		if err != nil {
			return nil, err
		}
		if users.View().Revision() != revision {
			continue // the password may be another one by now
		}
		if resp.Token == "" {
			if resp.Token, err = users.IssueToken(r.Name, revision); err != nil {
				return nil, wire(err)
			}
		}
		return resp, nil
	}
}

// AuthStatus tells whether authentication is on, and the auth revision.
func (s *authService) AuthStatus(ctx context.Context, r *pb.AuthStatusRequest) (*pb.AuthStatusResponse, error) {
	return authPropose[*pb.AuthStatusResponse](ctx, s, "AuthStatus", &pb.InternalRaftRequest{AuthStatus: r})
}

// AuthEnable turns authentication on.
func (s *authService) AuthEnable(ctx context.Context, r *pb.AuthEnableRequest) (*pb.AuthEnableResponse, error) {
	return authPropose[*pb.AuthEnableResponse](ctx, s, "AuthEnable", &pb.InternalRaftRequest{AuthEnable: r})
}

// AuthDisable turns authentication off.
func (s *authService) AuthDisable(ctx context.Context, r *pb.AuthDisableRequest) (*pb.AuthDisableResponse, error) {
	return authPropose[*pb.AuthDisableResponse](ctx, s, "AuthDisable", &pb.InternalRaftRequest{AuthDisable: r})
}

// UserAdd adds a user, with the hash of a password unless the user has none.
func (s *authService) UserAdd(ctx context.Context, r *pb.AuthUserAddRequest) (*pb.AuthUserAddResponse, error) {
	password := r.Password
	r.Password = ""
	req := &pb.AuthUserAddRequest{Name: r.Name, Options: r.Options}
	if !r.GetOptions().GetNoPassword() {
		hash, err := s.hash(ctx, password)
		if err != nil {
			return nil, wire(err)
		}
		req.HashedPassword = hash
	}
	return authPropose[*pb.AuthUserAddResponse](ctx, s, "AuthUserAdd", &pb.InternalRaftRequest{AuthUserAdd: req})
}

// UserGet lists the roles of a user.
func (s *authService) UserGet(ctx context.Context, r *pb.AuthUserGetRequest) (*pb.AuthUserGetResponse, error) {
	return authPropose[*pb.AuthUserGetResponse](ctx, s, "AuthUserGet", &pb.InternalRaftRequest{AuthUserGet: r})
}

// UserList lists the users.
func (s *authService) UserList(ctx context.Context, r *pb.AuthUserListRequest) (*pb.AuthUserListResponse, error) {
	return authPropose[*pb.AuthUserListResponse](ctx, s, "AuthUserList", &pb.InternalRaftRequest{AuthUserList: r})
}

// UserDelete removes a user.
func (s *authService) UserDelete(ctx context.Context, r *pb.AuthUserDeleteRequest) (*pb.AuthUserDeleteResponse, error) {
	return authPropose[*pb.AuthUserDeleteResponse](ctx, s, "AuthUserDelete", &pb.InternalRaftRequest{AuthUserDelete: r})
}

// UserChangePassword replaces a user's password. A request may bring the hash
// in its place.
func (s *authService) UserChangePassword(ctx context.Context, r *pb.AuthUserChangePasswordRequest) (*pb.AuthUserChangePasswordResponse, error) {
	password := r.Password
	r.Password = ""
	req := &pb.AuthUserChangePasswordRequest{Name: r.Name, HashedPassword: r.HashedPassword}
	if password != "" {
		hash, err := s.hash(ctx, password)
		if err != nil {
			return nil, wire(err)
		}
		req.HashedPassword = hash
	}
	return authPropose[*pb.AuthUserChangePasswordResponse](ctx, s, "AuthUserChangePassword", &pb.InternalRaftRequest{AuthUserChangePassword: req})
}

// UserGrantRole gives a user a role.
func (s *authService) UserGrantRole(ctx context.Context, r *pb.AuthUserGrantRoleRequest) (*pb.AuthUserGrantRoleResponse, error) {
	return authPropose[*pb.AuthUserGrantRoleResponse](ctx, s, "AuthUserGrantRole", &pb.InternalRaftRequest{AuthUserGrantRole: r})
}

// UserRevokeRole takes a role from a user.
func (s *authService) UserRevokeRole(ctx context.Context, r *pb.AuthUserRevokeRoleRequest) (*pb.AuthUserRevokeRoleResponse, error) {
	return authPropose[*pb.AuthUserRevokeRoleResponse](ctx, s, "AuthUserRevokeRole", &pb.InternalRaftRequest{AuthUserRevokeRole: r})
}

// RoleAdd adds a role.
func (s *authService) RoleAdd(ctx context.Context, r *pb.AuthRoleAddRequest) (*pb.AuthRoleAddResponse, error) {
	return authPropose[*pb.AuthRoleAddResponse](ctx, s, "AuthRoleAdd", &pb.InternalRaftRequest{AuthRoleAdd: r})
}

// RoleGet lists the permissions of a role.
func (s *authService) RoleGet(ctx context.Context, r *pb.AuthRoleGetRequest) (*pb.AuthRoleGetResponse, error) {
	return authPropose[*pb.AuthRoleGetResponse](ctx, s, "AuthRoleGet", &pb.InternalRaftRequest{AuthRoleGet: r})
}

// RoleList lists the roles.
func (s *authService) RoleList(ctx context.Context, r *pb.AuthRoleListRequest) (*pb.AuthRoleListResponse, error) {
	return authPropose[*pb.AuthRoleListResponse](ctx, s, "AuthRoleList", &pb.InternalRaftRequest{AuthRoleList: r})
}

// RoleDelete removes a role.
func (s *authService) RoleDelete(ctx context.Context, r *pb.AuthRoleDeleteRequest) (*pb.AuthRoleDeleteResponse, error) {
	return authPropose[*pb.AuthRoleDeleteResponse](ctx, s, "AuthRoleDelete", &pb.InternalRaftRequest{AuthRoleDelete: r})
}

// RoleGrantPermission gives a role a permission.
func (s *authService) RoleGrantPermission(ctx context.Context, r *pb.AuthRoleGrantPermissionRequest) (*pb.AuthRoleGrantPermissionResponse, error) {
	return authPropose[*pb.AuthRoleGrantPermissionResponse](ctx, s, "AuthRoleGrantPermission", &pb.InternalRaftRequest{AuthRoleGrantPermission: r})
}

// RoleRevokePermission takes a permission from a role.
func (s *authService) RoleRevokePermission(ctx context.Context, r *pb.AuthRoleRevokePermissionRequest) (*pb.AuthRoleRevokePermissionResponse, error) {
	return authPropose[*pb.AuthRoleRevokePermissionResponse](ctx, s, "AuthRoleRevokePermission", &pb.InternalRaftRequest{AuthRoleRevokePermission: r})
}

// hash hashes a password for root. Others are refused before that work, as
// their entries would be.
func (s *authService) hash(ctx context.Context, password string) (string, error) {
	if err := s.administrator(ctx); err != nil {
		return "", err
	}
	return s.replica.Auth().HashPassword(ctx, password)
}

// authPropose has an entry of this service applied; kind names it in metrics.
func authPropose[R headed](ctx context.Context, s *authService, kind string, req *pb.InternalRaftRequest) (R, error) {
	return propose[R](ctx, s.Server, req, s.metrics.requests.auth[kind])
}
