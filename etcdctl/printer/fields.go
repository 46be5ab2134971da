package printer

import (
	"bytes"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// fields prints a response as lines of `"Name" : value`, strings quoted. It
// shows fields the simple format leaves out, such as revisions.
type fields struct{ o Options }

func (f *fields) Print(reply any) error {
	var b bytes.Buffer
	switch r := reply.(type) {
	case *clientv3.PutResponse:
		f.put(&b, (*pb.PutResponse)(r))
	case *clientv3.GetResponse:
		f.get(&b, (*pb.RangeResponse)(r))
	case *clientv3.DeleteResponse:
		f.del(&b, (*pb.DeleteRangeResponse)(r))
	case *clientv3.TxnResponse:
		f.txn(&b, (*pb.TxnResponse)(r))
	case *clientv3.WatchResponse:
		f.watch(&b, r)
	case *clientv3.LeaseGrantResponse:
		f.lease(&b, r.ResponseHeader, r.ID, r.TTL)
	case *clientv3.LeaseKeepAliveResponse:
		f.lease(&b, r.ResponseHeader, r.ID, r.TTL)
	case TimeToLive:
		f.lease(&b, r.Response.ResponseHeader, r.Response.ID, r.Response.TTL)
		fmt.Fprintln(&b, `"GrantedTTL" :`, r.Response.GrantedTTL)
		for _, k := range r.Response.Keys {
			fmt.Fprintf(&b, "\"Key\" : %q\n", k)
		}
	case *clientv3.LeaseLeasesResponse:
		f.header(&b, r.ResponseHeader)
		for _, l := range r.Leases {
			f.leaseID(&b, l.ID)
		}
	case *clientv3.AlarmResponse:
		f.alarms(&b, (*pb.AlarmResponse)(r))
	case *clientv3.MemberListResponse:
		f.members(&b, (*pb.MemberListResponse)(r))
	case []EndpointHealth:
		f.health(&b, r)
	case []EndpointStatus:
		f.status(&b, r)
	case []EndpointHash:
		f.hashes(&b, r)
	case SnapshotStatus:
		f.snapshot(&b, r)
	case *clientv3.AuthRoleListResponse:
		f.roles(&b, (*pb.AuthRoleListResponse)(r))
	case RoleGot:
		f.role(&b, (*pb.AuthRoleGetResponse)(r.Response))
	case Done:
		h := changeHeader(r.Response)
		if h == nil {
			return unsupported("fields")
		}
		f.header(&b, h)
	default:
		return unsupported("fields")
	}
	return flush(f.o.Out, &b)
}

func (f *fields) put(b *bytes.Buffer, r *pb.PutResponse) {
	f.header(b, r.GetHeader())
	if r.GetPrevKv() != nil {
		f.kv(b, "Prev", r.GetPrevKv())
	}
}

func (f *fields) get(b *bytes.Buffer, r *pb.RangeResponse) {
	f.header(b, r.GetHeader())
	for _, kv := range r.GetKvs() {
		f.kv(b, "", kv)
	}
	fmt.Fprintln(b, `"More" :`, r.GetMore())
	fmt.Fprintln(b, `"Count" :`, r.GetCount())
}

func (f *fields) del(b *bytes.Buffer, r *pb.DeleteRangeResponse) {
	f.header(b, r.GetHeader())
	fmt.Fprintln(b, `"Deleted" :`, r.GetDeleted())
	for _, kv := range r.GetPrevKvs() {
		f.kv(b, "Prev", kv)
	}
}

func (f *fields) txn(b *bytes.Buffer, r *pb.TxnResponse) {
	f.header(b, r.GetHeader())
	fmt.Fprintln(b, `"Succeeded" :`, r.GetSucceeded())
	for _, op := range r.GetResponses() {
		switch v := op.GetResponse().(type) {
		case *pb.ResponseOp_ResponsePut:
			f.put(b, v.ResponsePut)
		case *pb.ResponseOp_ResponseRange:
			f.get(b, v.ResponseRange)
		case *pb.ResponseOp_ResponseDeleteRange:
			f.del(b, v.ResponseDeleteRange)
		case *pb.ResponseOp_ResponseTxn:
			f.txn(b, v.ResponseTxn)
		}
	}
}

func (f *fields) watch(b *bytes.Buffer, r *clientv3.WatchResponse) {
	f.header(b, r.Header)
	for _, e := range r.Events {
		fmt.Fprintln(b, `"Type" :`, e.GetType())
		if e.GetPrevKv() != nil {
			f.kv(b, "Prev", e.GetPrevKv())
		}
		f.kv(b, "", e.GetKv())
	}
}

// header writes the response header. Replies that have no part in the key
// space carry revision 0, which is left out.
func (f *fields) header(b *bytes.Buffer, h *pb.ResponseHeader) {
	f.id(b, "ClusterID", h.GetClusterId())
	f.id(b, "MemberID", h.GetMemberId())
	if h.GetRevision() > 0 {
		fmt.Fprintln(b, `"Revision" :`, h.GetRevision())
	}
	fmt.Fprintln(b, `"RaftTerm" :`, h.GetRaftTerm())
}

// id writes a cluster's or member's id.
func (f *fields) id(b *bytes.Buffer, name string, id uint64) {
	format := "%q : %d\n"
	if f.o.Hex {
		format = "%q : %x\n"
	}
	fmt.Fprintf(b, format, name, id)
}

// leaseID writes a lease's id, which has all its zeros in hexadecimal.
func (f *fields) leaseID(b *bytes.Buffer, id clientv3.LeaseID) {
	format := "\"ID\" : %d\n"
	if f.o.Hex {
		format = "\"ID\" : %016x\n"
	}
	fmt.Fprintf(b, format, int64(id))
}

func (f *fields) lease(b *bytes.Buffer, h *pb.ResponseHeader, id clientv3.LeaseID, ttl int64) {
	f.header(b, h)
	f.leaseID(b, id)
	fmt.Fprintln(b, `"TTL" :`, ttl)
}

func (f *fields) kv(b *bytes.Buffer, prefix string, kv *mvccpb.KeyValue) {
	fmt.Fprintf(b, "\"%sKey\" : %q\n", prefix, kv.GetKey())
	fmt.Fprintf(b, "\"%sCreateRevision\" : %d\n", prefix, kv.GetCreateRevision())
	fmt.Fprintf(b, "\"%sModRevision\" : %d\n", prefix, kv.GetModRevision())
	fmt.Fprintf(b, "\"%sVersion\" : %d\n", prefix, kv.GetVersion())
	fmt.Fprintf(b, "\"%sValue\" : %q\n", prefix, kv.GetValue())
	if f.o.Hex {
		fmt.Fprintf(b, "\"%sLease\" : %016x\n", prefix, kv.GetLease())
	} else {
		fmt.Fprintf(b, "\"%sLease\" : %d\n", prefix, kv.GetLease())
	}
}
