package printer

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// protobuf writes the response's wire bytes.
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
	for _, find := range []func(any) proto.Message{leaseMessage, memberMessage, authMessage} {
		if m := find(response); m != nil {
			return m
		}
	}
	return nil
}

// leaseMessage puts together what client/v3 took apart. (etcdctl 3.7 prints
// only the header of these replies.)
func leaseMessage(response any) proto.Message {
	switch r := response.(type) {
	case *clientv3.LeaseGrantResponse:
		return &pb.LeaseGrantResponse{Header: r.ResponseHeader, ID: int64(r.ID), TTL: r.TTL, Error: r.Error}
	case *clientv3.LeaseRevokeResponse:
		return (*pb.LeaseRevokeResponse)(r)
	case *clientv3.LeaseKeepAliveResponse:
		return &pb.LeaseKeepAliveResponse{Header: r.ResponseHeader, ID: int64(r.ID), TTL: r.TTL}
	case *clientv3.LeaseTimeToLiveResponse:
		return &pb.LeaseTimeToLiveResponse{
			Header: r.ResponseHeader, ID: int64(r.ID), TTL: r.TTL, GrantedTTL: r.GrantedTTL, Keys: r.Keys,
		}
	case *clientv3.LeaseLeasesResponse:
		leases := make([]*pb.LeaseStatus, len(r.Leases))
		for i, l := range r.Leases {
			leases[i] = &pb.LeaseStatus{ID: int64(l.ID)}
		}
		return &pb.LeaseLeasesResponse{Header: r.ResponseHeader, Leases: leases}
	}
	return nil
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
