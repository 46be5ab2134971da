package apply

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/storage"
)

// IsAuthChange tells whether an entry changes users or roles. Such an entry must be the only one of its batch, so that what
// is read under the rules before it is never newer than the rules after it.
func IsAuthChange(r *pb.InternalRaftRequest) bool {
	return r.AuthEnable != nil || r.AuthDisable != nil ||
		r.AuthUserAdd != nil || r.AuthUserDelete != nil || r.AuthUserChangePassword != nil ||
		r.AuthUserGrantRole != nil || r.AuthUserRevokeRole != nil ||
		r.AuthRoleAdd != nil || r.AuthRoleDelete != nil ||
		r.AuthRoleGrantPermission != nil || r.AuthRoleRevokePermission != nil
}

// isAuth tells whether an entry is one of the Auth service's, reads and logins among them.
func isAuth(r *pb.InternalRaftRequest) bool {
	return IsAuthChange(r) || r.Authenticate != nil || r.AuthStatus != nil ||
		r.AuthUserGet != nil || r.AuthUserList != nil || r.AuthRoleGet != nil || r.AuthRoleList != nil
}

// auth answers an entry of the Auth service. REQUIRES: guard has let it in.
func (a *Applier) auth(b *storage.Batch, r *pb.InternalRaftRequest) *Result {
	s := a.cfg.Auth
	if s == nil {
		return &Result{Err: ErrUnknownRequest}
	}
	h := header(b.Revision())
	switch {
	case r.AuthEnable != nil:
		return &Result{Resp: &pb.AuthEnableResponse{Header: h}, Err: s.Enable(b)}
	case r.AuthDisable != nil:
		return &Result{Resp: &pb.AuthDisableResponse{Header: h}, Err: s.Disable(b)}
	case r.AuthUserAdd != nil:
		return &Result{Resp: &pb.AuthUserAddResponse{Header: h}, Err: s.UserAdd(b, r.AuthUserAdd)}
	case r.AuthUserDelete != nil:
		return &Result{Resp: &pb.AuthUserDeleteResponse{Header: h}, Err: s.UserDelete(b, r.AuthUserDelete)}
	case r.AuthUserChangePassword != nil:
		return &Result{Resp: &pb.AuthUserChangePasswordResponse{Header: h}, Err: s.UserChangePassword(b, r.AuthUserChangePassword)}
	case r.AuthUserGrantRole != nil:
		return &Result{Resp: &pb.AuthUserGrantRoleResponse{Header: h}, Err: s.UserGrantRole(b, r.AuthUserGrantRole)}
	case r.AuthUserRevokeRole != nil:
		return &Result{Resp: &pb.AuthUserRevokeRoleResponse{Header: h}, Err: s.UserRevokeRole(b, r.AuthUserRevokeRole)}
	case r.AuthRoleAdd != nil:
		return &Result{Resp: &pb.AuthRoleAddResponse{Header: h}, Err: s.RoleAdd(b, r.AuthRoleAdd)}
	case r.AuthRoleDelete != nil:
		return &Result{Resp: &pb.AuthRoleDeleteResponse{Header: h}, Err: s.RoleDelete(b, r.AuthRoleDelete)}
	case r.AuthRoleGrantPermission != nil:
		return &Result{Resp: &pb.AuthRoleGrantPermissionResponse{Header: h}, Err: s.RoleGrantPermission(b, r.AuthRoleGrantPermission)}
	case r.AuthRoleRevokePermission != nil:
		return &Result{Resp: &pb.AuthRoleRevokePermissionResponse{Header: h}, Err: s.RoleRevokePermission(b, r.AuthRoleRevokePermission)}
	}
	resp, err := authRead(s, r, h)
	return &Result{Resp: resp, Err: err}
}

// authRead answers what changes nothing. The token of a login is added once the entry is committed.
func authRead(s *auth.Store, r *pb.InternalRaftRequest, h *pb.ResponseHeader) (proto.Message, error) {
	v := s.NextView()
	switch {
	case r.Authenticate != nil:
		return &pb.AuthenticateResponse{Header: h}, s.Login(r.Authenticate.GetName())
	case r.AuthStatus != nil:
		return &pb.AuthStatusResponse{Header: h, Enabled: v.Enabled(), AuthRevision: v.Revision()}, nil
	case r.AuthUserGet != nil:
		roles, err := v.UserRoles(r.AuthUserGet.GetName())
		return &pb.AuthUserGetResponse{Header: h, Roles: roles}, err
	case r.AuthUserList != nil:
		return &pb.AuthUserListResponse{Header: h, Users: v.Users()}, nil
	case r.AuthRoleGet != nil:
		perms, err := v.RolePermissions(r.AuthRoleGet.GetRole())
		return &pb.AuthRoleGetResponse{Header: h, Perm: perms}, err
	case r.AuthRoleList != nil:
		return &pb.AuthRoleListResponse{Header: h, Roles: v.Roles()}, nil
	}
	return nil, ErrUnknownRequest
}
