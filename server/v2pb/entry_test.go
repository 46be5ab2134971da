package v2pb_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/v2pb"
)

func TestEntryKeepsTheRequest(t *testing.T) {
	want := &v2pb.Request{Method: "PUT", Path: "/1/a", Val: "v", PrevExist: new(false), Expiration: -1, Refresh: new(true)}
	entry := v2pb.Entry(&pb.RequestHeader{ID: 7}, want)
	data, err := proto.Marshal(entry)
	require.NoError(t, err)

	read := &pb.InternalRaftRequest{}
	require.NoError(t, proto.Unmarshal(data, read))
	require.EqualValues(t, 7, read.GetHeader().GetID())
	got, err := v2pb.FromEntry(read)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// TestTextsMayBeAnyBytes: API 2 does not ask keys and values to be UTF-8.
func TestTextsMayBeAnyBytes(t *testing.T) {
	want := &v2pb.Request{Method: "PUT", Path: "/1/\xff", Val: "a\xc3", PrevValue: "\x80", Time: 1}
	got, err := v2pb.FromEntry(v2pb.Entry(nil, want))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestOtherEntriesHaveNoRequest(t *testing.T) {
	got, err := v2pb.FromEntry(&pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("k")}})
	require.NoError(t, err)
	require.Nil(t, got)
}

// TestMarshalIsTheProtobufLibrarys: what is written by hand is what the library makes of the entry.
func TestMarshalIsTheProtobufLibrarys(t *testing.T) {
	want := &v2pb.Request{Method: "PUT", Path: "/1/a", Val: "v", PrevExist: proto.Bool(false), Expiration: -1}
	data, err := proto.Marshal(v2pb.Entry(&pb.RequestHeader{ID: 1 << 60}, want))
	require.NoError(t, err)
	require.Equal(t, data, v2pb.Marshal(1<<60, want))
	id, got, ok := v2pb.Unmarshal(data)
	require.True(t, ok)
	require.EqualValues(t, 1<<60, id)
	require.Equal(t, want, got)
}

// FuzzUnmarshal: whatever the short way reads, the long one reads in the same way.
func FuzzUnmarshal(f *testing.F) {
	f.Add(v2pb.Marshal(7, &v2pb.Request{Method: "PUT", Path: "/1/a", Val: "\xff"}))
	put, err := proto.Marshal(&pb.InternalRaftRequest{Header: &pb.RequestHeader{ID: 7}, Put: &pb.PutRequest{Key: []byte("k")}})
	require.NoError(f, err)
	f.Add(put)
	f.Fuzz(func(t *testing.T, data []byte) {
		id, got, ok := v2pb.Unmarshal(data)
		if !ok {
			return
		}
		entry := &pb.InternalRaftRequest{}
		require.NoError(t, proto.Unmarshal(data, entry))
		require.Equal(t, entry.GetHeader().GetID(), id)
		want, err := v2pb.FromEntry(entry)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
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
