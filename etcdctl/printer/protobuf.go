package printer

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// protobuf writes the response's wire bytes. The lease replies are refused:
// client/v3 hands them out as structs of its own, and etcdctl refuses them too.
type protobuf struct{ o Options }

func (p *protobuf) Print(reply any) error {
	m := message(response(reply))
	if m == nil {
		return unsupported("protobuf")
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	_, err = p.o.Out.Write(wire)
	return err
}

// message is the protobuf message behind a response type of client/v3, which
// has its fields but not its methods; nil if there is none.
func message(response any) proto.Message {
	switch r := response.(type) {
	case *clientv3.PutResponse:
		return (*pb.PutResponse)(r)
	case *clientv3.GetResponse:
		return (*pb.RangeResponse)(r)
	case *clientv3.DeleteResponse:
		return (*pb.DeleteRangeResponse)(r)
	case *clientv3.TxnResponse:
		return (*pb.TxnResponse)(r)
	case *clientv3.WatchResponse:
		return &pb.WatchResponse{
			Header:          r.Header,
			Events:          r.Events,
			CompactRevision: r.CompactRevision,
			Canceled:        r.Canceled,
			Created:         r.Created,
		}
	case *clientv3.AlarmResponse:
		return (*pb.AlarmResponse)(r)
	case *clientv3.MoveLeaderResponse:
		return (*pb.MoveLeaderResponse)(r)
	case *clientv3.DowngradeResponse:
		return (*pb.DowngradeResponse)(r)
	}
	if m := memberMessage(response); m != nil {
		return m
	}
	return authMessage(response)
}

func memberMessage(response any) proto.Message {
	switch r := response.(type) {
	case *clientv3.MemberAddResponse:
		return (*pb.MemberAddResponse)(r)
	case *clientv3.MemberRemoveResponse:
		return (*pb.MemberRemoveResponse)(r)
	case *clientv3.MemberUpdateResponse:
		return (*pb.MemberUpdateResponse)(r)
	case *clientv3.MemberPromoteResponse:
		return (*pb.MemberPromoteResponse)(r)
	case *clientv3.MemberListResponse:
		return (*pb.MemberListResponse)(r)
	}
	return nil
}

func authMessage(response any) proto.Message {
	switch r := response.(type) {
	case *clientv3.AuthStatusResponse:
		return (*pb.AuthStatusResponse)(r)
	case *clientv3.AuthUserAddResponse:
		return (*pb.AuthUserAddResponse)(r)
	case *clientv3.AuthUserDeleteResponse:
		return (*pb.AuthUserDeleteResponse)(r)
	case *clientv3.AuthUserChangePasswordResponse:
		return (*pb.AuthUserChangePasswordResponse)(r)
	case *clientv3.AuthUserGrantRoleResponse:
		return (*pb.AuthUserGrantRoleResponse)(r)
	case *clientv3.AuthUserRevokeRoleResponse:
		return (*pb.AuthUserRevokeRoleResponse)(r)
	case *clientv3.AuthUserGetResponse:
		return (*pb.AuthUserGetResponse)(r)
	case *clientv3.AuthUserListResponse:
		return (*pb.AuthUserListResponse)(r)
	case *clientv3.AuthRoleAddResponse:
		return (*pb.AuthRoleAddResponse)(r)
	case *clientv3.AuthRoleDeleteResponse:
		return (*pb.AuthRoleDeleteResponse)(r)
	case *clientv3.AuthRoleGetResponse:
		return (*pb.AuthRoleGetResponse)(r)
	case *clientv3.AuthRoleListResponse:
		return (*pb.AuthRoleListResponse)(r)
	case *clientv3.AuthRoleGrantPermissionResponse:
		return (*pb.AuthRoleGrantPermissionResponse)(r)
	case *clientv3.AuthRoleRevokePermissionResponse:
		return (*pb.AuthRoleRevokePermissionResponse)(r)
	}
	return nil
}
