package printer

import (
	"bytes"
	"fmt"

	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// auth prints the replies about users, roles and permissions that are more
// than a sentence; false if the reply is not one of them.
func (s *simple) auth(b *bytes.Buffer, reply any) bool {
	switch r := reply.(type) {
	case *clientv3.AuthStatusResponse:
		status := (*pb.AuthStatusResponse)(r)
		fmt.Fprintln(b, "Authentication Status:", status.GetEnabled())
		fmt.Fprintln(b, "AuthRevision:", status.GetAuthRevision())
	case *clientv3.AuthUserListResponse:
		for _, user := range (*pb.AuthUserListResponse)(r).GetUsers() {
			fmt.Fprintln(b, user)
		}
	case *clientv3.AuthRoleListResponse:
		for _, role := range (*pb.AuthRoleListResponse)(r).GetRoles() {
			fmt.Fprintln(b, role)
		}
	case UserGot:
		fmt.Fprintf(b, "User: %s\nRoles:", r.User)
		for _, role := range (*pb.AuthUserGetResponse)(r.Response).GetRoles() {
			fmt.Fprintf(b, " %s", role)
		}
		fmt.Fprintln(b)
	case RoleGot:
		s.role(b, r)
	default:
		return false
	}
	return true
}

// role lists what a role may read, then what it may write. The root role may
// do everything without having a permission.
func (s *simple) role(b *bytes.Buffer, r RoleGot) {
	perms := (*pb.AuthRoleGetResponse)(r.Response).GetPerm()
	if r.Role == "root" && perms == nil {
		perms = []*authpb.Permission{{PermType: authpb.READWRITE, RangeEnd: []byte{0}}}
	}
	fmt.Fprintf(b, "Role %s\n", r.Role)
	fmt.Fprintln(b, "KV Read:")
	for _, p := range perms {
		if p.GetPermType() != authpb.WRITE {
			permission(b, p)
		}
	}
	fmt.Fprintln(b, "KV Write:")
	for _, p := range perms {
		if p.GetPermType() != authpb.READ {
			permission(b, p)
		}
	}
}

func permission(b *bytes.Buffer, p *authpb.Permission) {
	key, end := string(p.GetKey()), string(p.GetRangeEnd())
	switch end {
	case "":
		fmt.Fprintf(b, "\t%s", key)
	case "\x00":
		fmt.Fprintf(b, "\t[%s, <open ended>", key)
	default:
		fmt.Fprintf(b, "\t[%s, %s)", key, end)
	}
	if end != "" && key != "" && clientv3.GetPrefixRangeEnd(key) == end {
		fmt.Fprintf(b, " (prefix %s)", key)
	}
	fmt.Fprintln(b)
}
