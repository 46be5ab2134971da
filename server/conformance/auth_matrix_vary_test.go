package conformance

import (
	"fmt"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// matrixFiles define every service that a server registers.
var matrixFiles = []protoreflect.FileDescriptor{
	pb.File_rpc_proto,
	healthpb.File_grpc_health_v1_health_proto,
	v3lockpb.File_v3lock_proto,
	v3electionpb.File_v3election_proto,
}

// matrixMethods are the methods of all these services, by name ("KV/Put").
func matrixMethods() map[string]protoreflect.MethodDescriptor {
	out := map[string]protoreflect.MethodDescriptor{}
	for _, f := range matrixFiles {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				out[string(s.Name())+"/"+string(s.Methods().Get(j).Name())] = s.Methods().Get(j)
			}
		}
	}
	return out
}

// byHand are fields whose values name something in the world: a variant with
// just any value would say nothing.
var byHand = map[protoreflect.FullName]bool{
	"etcdserverpb.PutRequest.lease":                  true,
	"etcdserverpb.RangeRequest.revision":             true,
	"etcdserverpb.WatchCreateRequest.start_revision": true,
	"etcdserverpb.WatchCreateRequest.watch_id":       true,
	"etcdserverpb.LeaseRevokeRequest.ID":             true,
	"etcdserverpb.LeaseGrantRequest.ID":              true,
	"etcdserverpb.LeaseKeepAliveRequest.ID":          true,
	"etcdserverpb.LeaseTimeToLiveRequest.ID":         true,
	"etcdserverpb.AlarmRequest.memberID":             true,
	"etcdserverpb.AlarmRequest.alarm":                true,
	"etcdserverpb.AlarmRequest.action":               true,
	"etcdserverpb.MemberAddRequest.isLearner":        true,
	"etcdserverpb.DowngradeRequest.action":           true,
	"etcdserverpb.CompactionRequest.revision":        true,
	"etcdserverpb.HashKVRequest.revision":            true,
	"etcdserverpb.MemberPromoteRequest.ID":           true,
	"etcdserverpb.MemberRemoveRequest.ID":            true,
	"etcdserverpb.MemberUpdateRequest.ID":            true,
	"etcdserverpb.MoveLeaderRequest.targetID":        true,
	"etcdserverpb.WatchCancelRequest.watch_id":       true,
}

// options are the variants of a request that its descriptor gives: one for
// each flag, and one for each value of each choice; a number is 1.
func options(base proto.Message) map[string]proto.Message {
	out := map[string]proto.Message{}
	set := func(f protoreflect.FieldDescriptor, v protoreflect.Value, name string) {
		m := proto.Clone(base)
		m.ProtoReflect().Set(f, v)
		out[string(f.Name())+name] = m
	}
	fields := base.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if byHand[f.FullName()] || f.IsList() || base.ProtoReflect().Has(f) {
			continue
		}
		switch f.Kind() {
		case protoreflect.BoolKind:
			set(f, protoreflect.ValueOfBool(true), "")
		case protoreflect.EnumKind:
			for j := 1; j < f.Enum().Values().Len(); j++ {
				v := f.Enum().Values().Get(j)
				set(f, protoreflect.ValueOfEnum(v.Number()), "="+strings.ToLower(string(v.Name())))
			}
		case protoreflect.Int64Kind:
			set(f, protoreflect.ValueOfInt64(1), "=1")
		}
	}
	return out
}

// unset are the fields that no request of the matrix sets, of the messages that
// its methods take.
func unset(requests map[string][]proto.Message) []string {
	seen := map[protoreflect.FullName]bool{}
	want := map[protoreflect.FullName]bool{}
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			seen[f.FullName()] = true
			switch {
			case f.IsList() && f.Message() != nil:
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message())
				}
			case f.Message() != nil && !f.IsMap():
				walk(v.Message())
			}
			return true
		})
	}
	var expect func(d protoreflect.MessageDescriptor)
	expect = func(d protoreflect.MessageDescriptor) {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if want[f.FullName()] {
				continue
			}
			want[f.FullName()] = true
			if f.Message() != nil {
				expect(f.Message())
			}
		}
	}
	for name, d := range matrixMethods() {
		expect(d.Input())
		for _, r := range requests[name] {
			walk(r.ProtoReflect())
		}
	}
	var out []string
	for name := range want {
		if !seen[name] {
			out = append(out, string(name))
		}
	}
	return out
}

// nested puts an operation into a txn, depth deep, in its success or its
// failure branch.
func nested(op *pb.RequestOp, depth int, failure bool) *pb.TxnRequest {
	for range depth - 1 {
		op = wrapTxn(&pb.TxnRequest{Success: ops(op)})
	}
	if failure {
		return &pb.TxnRequest{Failure: ops(op)}
	}
	return &pb.TxnRequest{Success: ops(op)}
}

// nestings are the txns around an operation, by name.
func nestings(op func() *pb.RequestOp) map[string]*pb.TxnRequest {
	out := map[string]*pb.TxnRequest{"failure": nested(op(), 1, true), "depth 3 failure": nested(op(), 3, true)}
	for depth := 1; depth <= 3; depth++ {
		out[fmt.Sprintf("depth %d", depth)] = nested(op(), depth, false)
	}
	return out
}
