package v2pb_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/petcd/petcd/server/v2pb"
)

func TestEntryKeepsTheRequest(t *testing.T) {
	want := &v2pb.Request{Method: "PUT", Path: "/1/a", Val: "v", PrevExist: proto.Bool(false), Expiration: -1, Refresh: proto.Bool(true)}
	entry := v2pb.Entry(&pb.RequestHeader{ID: 7}, want)
	data, err := proto.Marshal(entry)
	require.NoError(t, err)

	read := &pb.InternalRaftRequest{}
	require.NoError(t, proto.Unmarshal(data, read))
	require.EqualValues(t, 7, read.GetHeader().GetID())
	got, err := v2pb.FromEntry(read)
	require.NoError(t, err)
	require.True(t, proto.Equal(want, got), "%v", got)
}

// TestTextsMayBeAnyBytes: API 2 does not ask keys and values to be UTF-8.
func TestTextsMayBeAnyBytes(t *testing.T) {
	want := &v2pb.Request{Method: "PUT", Path: "/1/\xff", Val: "a\xc3", PrevValue: "\x80", Time: 1}
	got, err := v2pb.FromEntry(v2pb.Entry(nil, want))
	require.NoError(t, err)
	require.Equal(t, []string{want.Path, want.Val, want.PrevValue}, []string{got.Path, got.Val, got.PrevValue})
	require.EqualValues(t, 1, got.Time)
}

func TestOtherEntriesHaveNoRequest(t *testing.T) {
	got, err := v2pb.FromEntry(&pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("k")}})
	require.NoError(t, err)
	require.Nil(t, got)
}

// TestRequestIsAMessage compares the encoding by hand with the protobuf library's, field by field.
func TestRequestIsAMessage(t *testing.T) {
	fields := (&v2pb.Request{}).ProtoReflect().Descriptor().Fields()
	all := &v2pb.Request{}
	for i := range fields.Len() {
		one, field := &v2pb.Request{}, fields.Get(i)
		for _, r := range []*v2pb.Request{one, all} {
			switch field.Kind() {
			case protoreflect.StringKind:
				r.ProtoReflect().Set(field, protoreflect.ValueOfString(string(field.Name())))
			case protoreflect.BoolKind:
				r.ProtoReflect().Set(field, protoreflect.ValueOfBool(true))
			case protoreflect.Uint64Kind:
				r.ProtoReflect().Set(field, protoreflect.ValueOfUint64(math.MaxUint64))
			case protoreflect.Int64Kind:
				r.ProtoReflect().Set(field, protoreflect.ValueOfInt64(math.MinInt64))
			default:
				require.Fail(t, "a field of a kind that has no encoding", field.Kind())
			}
		}
		requireMessage(t, one)
	}
	requireMessage(t, all)
	requireMessage(t, &v2pb.Request{PrevExist: proto.Bool(false), Refresh: proto.Bool(false)})
}

// requireMessage requires that a request's encoding is the library's, and read as the library does.
func requireMessage(t *testing.T, r *v2pb.Request) {
	entry := v2pb.Entry(nil, r)
	got, err := v2pb.FromEntry(entry)
	require.NoError(t, err)
	require.True(t, proto.Equal(r, got), "%v", got)

	field := []byte(entry.ProtoReflect().GetUnknown())
	_, _, tag := protowire.ConsumeTag(field)
	data, _ := protowire.ConsumeBytes(field[tag:])
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, want, data)
}

func FuzzFromEntry(f *testing.F) {
	entry := v2pb.Entry(nil, &v2pb.Request{Method: "SYNC", Time: 1})
	f.Add([]byte(entry.ProtoReflect().GetUnknown()))
	f.Add([]byte{0x12, 0xff})
	f.Fuzz(func(t *testing.T, unknown []byte) {
		entry := &pb.InternalRaftRequest{}
		entry.ProtoReflect().SetUnknown(unknown)
		got, err := v2pb.FromEntry(entry)
		if err != nil {
			require.ErrorIs(t, err, v2pb.ErrMalformed)
			require.Nil(t, got)
		}
		if got != nil {
			again, err := v2pb.FromEntry(v2pb.Entry(nil, got))
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
