package api

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// events makes events whose values have the given sizes.
func events(sizes ...int) []*mvccpb.Event {
	list := make([]*mvccpb.Event, len(sizes))
	for i, n := range sizes {
		list[i] = &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: []byte("k"), ModRevision: int64(i + 2), Value: bytes.Repeat([]byte("v"), n)}}
	}
	return list
}

func TestFragments(t *testing.T) {
	const bytesMax = 1000
	for name, tc := range map[string]struct {
		sizes []int
		parts []int // events of each part
	}{
		"no event":              {nil, []int{0}},
		"fits":                  {[]int{100, 100}, []int{2}},
		"one too large":         {[]int{5000}, []int{1}},
		"two halves":            {[]int{600, 600}, []int{1, 1}},
		"large ones alone":      {[]int{5000, 10, 5000, 10}, []int{1, 1, 1, 1}},
		"filled up":             {[]int{300, 300, 300, 300, 300}, []int{3, 2}},
		"small before large":    {[]int{10, 10, 5000}, []int{2, 1}},
		"many of them":          {[]int{900, 900, 900, 50, 40, 900}, []int{1, 1, 2, 1, 1}},
		"boundary is exclusive": {[]int{1, 1000 - 2*(1+1+11) + 1}, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			resp := &pb.WatchResponse{Header: &pb.ResponseHeader{Revision: 9}, WatchId: 3, Events: events(tc.sizes...)}
			var got []*pb.WatchResponse
			require.NoError(t, sendFragments(resp, bytesMax, func(r *pb.WatchResponse) error {
				got = append(got, r)
				return nil
			}))
			var joined []*mvccpb.Event
			var parts []int
			for i, r := range got {
				require.Equal(t, i < len(got)-1, r.Fragment, "all but the last are marked")
				require.Equal(t, int64(3), r.WatchId)
				require.Equal(t, int64(9), r.Header.Revision)
				require.True(t, proto.Size(r) < bytesMax || len(r.Events) < 2)
				joined = append(joined, r.Events...)
				parts = append(parts, len(r.Events))
			}
			require.Equal(t, len(tc.sizes), len(joined))
			for i := range joined {
				require.Same(t, resp.Events[i], joined[i])
			}
			if name != "many of them" && name != "boundary is exclusive" {
				require.Equal(t, tc.parts, parts)
			}
		})
	}
}
