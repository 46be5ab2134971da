package printer

import (
	"bytes"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (f *fields) members(b *bytes.Buffer, r *pb.MemberListResponse) {
	f.header(b, r.GetHeader())
	for _, m := range r.GetMembers() {
		f.id(b, "ID", m.GetID())
		fmt.Fprintf(b, "\"Name\" : %q\n", m.GetName())
		for _, u := range m.GetPeerURLs() {
			fmt.Fprintf(b, "\"PeerURL\" : %q\n", u)
		}
		for _, u := range m.GetClientURLs() {
			fmt.Fprintf(b, "\"ClientURL\" : %q\n", u)
		}
		fmt.Fprintln(b, `"IsLearner" :`, m.GetIsLearner())
		fmt.Fprintln(b)
	}
}

func (f *fields) health(b *bytes.Buffer, endpoints []EndpointHealth) {
	for _, e := range endpoints {
		fmt.Fprintf(b, "\"Endpoint\" : %q\n", e.Endpoint)
		fmt.Fprintln(b, `"Health" :`, e.Health)
		fmt.Fprintln(b, `"Took" :`, e.Took)
		fmt.Fprintln(b, `"Error" :`, e.Error)
		fmt.Fprintln(b)
	}
}

func (f *fields) status(b *bytes.Buffer, endpoints []EndpointStatus) {
	for _, e := range endpoints {
		s := (*pb.StatusResponse)(e.Status)
		f.header(b, s.GetHeader())
		fmt.Fprintf(b, "\"Version\" : %q\n", s.GetVersion())
		fmt.Fprintf(b, "\"StorageVersion\" : %q\n", s.GetStorageVersion())
		fmt.Fprintln(b, `"DBSize" :`, s.GetDbSize())
		fmt.Fprintln(b, `"DBSizeInUse" :`, s.GetDbSizeInUse())
		fmt.Fprintln(b, `"DBSizeQuota" :`, s.GetDbSizeQuota())
		fmt.Fprintln(b, `"Leader" :`, s.GetLeader())
		fmt.Fprintln(b, `"IsLearner" :`, s.GetIsLearner())
		fmt.Fprintln(b, `"RaftIndex" :`, s.GetRaftIndex())
		fmt.Fprintln(b, `"RaftAppliedIndex" :`, s.GetRaftAppliedIndex())
		fmt.Fprintln(b, `"Errors" :`, s.GetErrors())
		fmt.Fprintf(b, "\"Endpoint\" : %q\n", e.Endpoint)
		fmt.Fprintf(b, "\"DowngradeTargetVersion\" : %q\n", s.GetDowngradeInfo().GetTargetVersion())
		fmt.Fprintln(b, `"DowngradeEnabled" :`, s.GetDowngradeInfo().GetEnabled())
		fmt.Fprintln(b)
	}
}

func (f *fields) hashes(b *bytes.Buffer, endpoints []EndpointHash) {
	for _, e := range endpoints {
		h := (*pb.HashKVResponse)(e.HashKV)
		f.header(b, h.GetHeader())
		fmt.Fprintf(b, "\"Endpoint\" : %q\n", e.Endpoint)
		fmt.Fprintln(b, `"Hash" :`, h.GetHash())
		fmt.Fprintln(b, `"HashRevision" :`, h.GetHashRevision())
		fmt.Fprintln(b)
	}
}

func (f *fields) alarms(b *bytes.Buffer, r *pb.AlarmResponse) {
	f.header(b, r.GetHeader())
	for _, a := range r.GetAlarms() {
		f.id(b, "MemberID", a.GetMemberID())
		fmt.Fprintln(b, `"AlarmType" :`, a.GetAlarm())
		fmt.Fprintln(b)
	}
}

func (f *fields) snapshot(b *bytes.Buffer, s SnapshotStatus) {
	fmt.Fprintln(b, `"Hash" :`, s.Hash)
	fmt.Fprintln(b, `"Revision" :`, s.Revision)
	fmt.Fprintln(b, `"Keys" :`, s.TotalKey)
	fmt.Fprintln(b, `"Size" :`, s.TotalSize)
	fmt.Fprintln(b, `"Version" :`, s.Version)
}

func (f *fields) roles(b *bytes.Buffer, r *pb.AuthRoleListResponse) {
	f.header(b, r.GetHeader())
	fmt.Fprint(b, `"Roles" :`)
	for _, role := range r.GetRoles() {
		fmt.Fprintf(b, " %q", role)
	}
	fmt.Fprintln(b)
}

func (f *fields) role(b *bytes.Buffer, r *pb.AuthRoleGetResponse) {
	f.header(b, r.GetHeader())
	for _, p := range r.GetPerm() {
		fmt.Fprintln(b, `"PermType" : `, p.GetPermType())
		fmt.Fprintf(b, "\"Key\" : %q\n", p.GetKey())
		fmt.Fprintf(b, "\"RangeEnd\" : %q\n", p.GetRangeEnd())
	}
}

// changeHeader is the header of a response to a change; nil if etcdctl has no
// fields format for it (membership, leadership and downgrades).
func changeHeader(response any) *pb.ResponseHeader {
	switch r := response.(type) {
	case *clientv3.LeaseRevokeResponse:
		return r.Header
	case *clientv3.AuthRoleAddResponse:
		return r.Header
	case *clientv3.AuthRoleDeleteResponse:
		return r.Header
	case *clientv3.AuthRoleGrantPermissionResponse:
		return r.Header
	case *clientv3.AuthRoleRevokePermissionResponse:
		return r.Header
	case *clientv3.AuthUserAddResponse:
		return r.Header
	case *clientv3.AuthUserDeleteResponse:
		return r.Header
	case *clientv3.AuthUserChangePasswordResponse:
		return r.Header
	case *clientv3.AuthUserGrantRoleResponse:
		return r.Header
	case *clientv3.AuthUserRevokeRoleResponse:
		return r.Header
	}
	return nil
}
