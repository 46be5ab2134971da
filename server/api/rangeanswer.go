package api

import (
	"context"
	"runtime"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/rpc"
	"github.com/petcd/petcd/storage"
)

// rangeAnswer is a RangeResponse whose keys were encoded while they were read: a list of ten thousand is never there as messages,
// and once as bytes. Only petcd's own transport can send it.
type rangeAnswer struct {
	rpc.Encoded
	header *pb.ResponseHeader
	keys   int64 // in the answer
	count  int64
	more   bool
	head   []byte // of the key that is being added
}

var _ rpc.Encoder = (*rangeAnswer)(nil)

// GetHeader is the answer's.
func (a *rangeAnswer) GetHeader() *pb.ResponseHeader { return a.header }

// GetCount is how many keys the range has.
func (a *rangeAnswer) GetCount() int64 { return a.count }

// Numbers of fields: RangeResponse's, and KeyValue's.
const (
	fieldHeader protowire.Number = 1
	fieldKvs    protowire.Number = 2
	fieldMore   protowire.Number = 3
	fieldCount  protowire.Number = 4

	fieldKey            protowire.Number = 1
	fieldCreateRevision protowire.Number = 2
	fieldModRevision    protowire.Number = 3
	fieldVersion        protowire.Number = 4
	fieldValue          protowire.Number = 5
	fieldLease          protowire.Number = 6
)

// add adds a key.
func (a *rangeAnswer) add(kv *mvccpb.KeyValue) error {
	a.keys++
	a.head = appendKey(a.head[:0], kv)
	if _, err := a.Write(a.head); err != nil {
		return err
	}
	_, err := a.Write(kv.Value)
	return err
}

// appendKey adds a key as an answer has it, up to where its value's bytes follow.
func appendKey(b []byte, kv *mvccpb.KeyValue) []byte {
	size := sizeOfBytes(kv.Key) + sizeOfInt(kv.CreateRevision) + sizeOfInt(kv.ModRevision) + sizeOfInt(kv.Version) +
		sizeOfBytes(kv.Value) + sizeOfInt(kv.Lease)
	b = protowire.AppendTag(b, fieldKvs, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	if len(kv.Key) > 0 {
		b = protowire.AppendTag(b, fieldKey, protowire.BytesType)
		b = protowire.AppendBytes(b, kv.Key)
	}
	b = appendInt(b, fieldCreateRevision, kv.CreateRevision)
	b = appendInt(b, fieldModRevision, kv.ModRevision)
	b = appendInt(b, fieldVersion, kv.Version)
	b = appendInt(b, fieldLease, kv.Lease)
	if len(kv.Value) > 0 {
		b = protowire.AppendTag(b, fieldValue, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(len(kv.Value)))
	}
	return b
}

// sizeOfBytes is what a field of bytes takes, of a number below 16.
func sizeOfBytes(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	return 1 + protowire.SizeBytes(len(p))
}

// sizeOfInt is what a field of an int64 takes, of a number below 16.
func sizeOfInt(n int64) int {
	if n == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(n))
}

// appendInt adds a field of an int64.
func appendInt(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

// finish adds what stands beside the keys. Fields may come in any order.
func (a *rangeAnswer) finish() error {
	header, err := proto.Marshal(a.header)
	if err != nil {
		return err
	}
	b := protowire.AppendTag(a.head[:0], fieldHeader, protowire.BytesType)
	b = protowire.AppendBytes(b, header)
	if a.more {
		b = protowire.AppendTag(b, fieldMore, protowire.VarintType)
		b = protowire.AppendVarint(b, 1)
	}
	_, err = a.Write(appendInt(b, fieldCount, a.count))
	return err
}

// encodedKV is KV's description, with a Range whose answers may be encoded as they are read.
func encodedKV() *grpc.ServiceDesc {
	d := pb.KV_ServiceDesc
	d.Methods = slices.Clone(d.Methods)
	i := slices.IndexFunc(d.Methods, func(m grpc.MethodDesc) bool { return m.MethodName == "Range" })
	d.Methods[i].Handler = func(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		r := new(pb.RangeRequest)
		if err := decode(r); err != nil {
			return nil, err
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: pb.KV_Range_FullMethodName}
		return intercept(ctx, r, info, srv.(*kvService).rangeEncoded)
	}
	return &d
}

// rangeEncoded is Range; the answer is a *rangeAnswer where whole keys are returned as they are read, of more than one.
func (s *kvService) rangeEncoded(ctx context.Context, req any) (any, error) {
	r := req.(*pb.RangeRequest)
	if len(r.GetRangeEnd()) == 0 || !apply.IsReadInOrder(r) {
		return s.Range(ctx, r)
	}
	if err := checkRange(r); err != nil {
		return nil, err
	}
	start := time.Now()
	var a *rangeAnswer
	_, err := read(ctx, s.Server, r, func(ctx context.Context, account *answerReader, r *pb.RangeRequest) (*rangeAnswer, error) {
		if a != nil {
			a.Free() // it was read under rules that hold no more
		}
		a = &rangeAnswer{head: make([]byte, 0, headSize)}
		return a, s.encodeInto(ctx, a, account, r)
	})
	if err == nil {
		s.fill(a.header)
		err = a.finish()
	}
	s.metrics.requests.rangeRead.observe(start, err)
	if err != nil {
		if a != nil {
			a.Free()
		}
		return nil, wire(err)
	}
	return a, nil
}

// headSize is what stands before most values: a key, and four numbers.
const headSize = 256

// encodeInto is rangeNow on an account, encoded.
func (s *Server) encodeInto(ctx context.Context, a *rangeAnswer, account *answerReader, r *pb.RangeRequest) (err error) {
	start := time.Now()
	defer func() { s.metrics.ranges.observe(start, err) }()
	account = account.again()
	charged := 0
	charge := func() error {
		owed := a.Size() - charged
		charged = a.Size()
		return account.charge(owed, 1)
	}
	o := storage.RangeOptions{Revision: max(r.GetRevision(), 0), Limit: r.GetLimit()}
	res, err := account.Store.Each(ctx, r.GetKey(), r.GetRangeEnd(), o, func(kv *mvccpb.KeyValue) error {
		if err := a.add(kv); err != nil || a.Size()-charged < chargeBytes {
			return err
		}
		runtime.Gosched() // who has little to do shall not wait for the whole of a large answer
		return charge()
	})
	if err == nil {
		err = charge()
	}
	if err != nil {
		return err
	}
	a.header = &pb.ResponseHeader{Revision: res.Revision}
	a.count, a.more = res.Count, res.More
	return nil
}
