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
