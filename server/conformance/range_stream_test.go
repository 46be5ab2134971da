package conformance

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// streamed is what came over one RangeStream call.
type streamed struct {
	chunks []*pb.RangeResponse
	whole  *pb.RangeResponse // merged
}

func (e *env) rangeStream(t *testing.T, r *pb.RangeRequest) (*streamed, error) {
	t.Helper()
	stream, err := e.kv.RangeStream(e.ctx, r)
	require.NoError(t, err)
	s := &streamed{whole: &pb.RangeResponse{}}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.chunks = append(s.chunks, resp.RangeResponse)
		proto.Merge(s.whole, resp.RangeResponse)
	}
}

// rangeStreamCases: a range in chunks of one revision; header, more and count
// come with the last chunk.
func rangeStreamCases(s *suite) {
	run := func(name string, fn func(t *testing.T, e *env)) {
		s.run(name, func(t *testing.T, e *env) {
			needs(t, e, rangeStream)
			fn(t, e)
		})
	}
	for _, c := range []struct {
		name string
		edit func(r *pb.RangeRequest, oldRevision int64)
	}{
		{"everything", func(*pb.RangeRequest, int64) {}},
		{"limited", func(r *pb.RangeRequest, _ int64) { r.Limit = 3 }},
		{"limit_exact", func(r *pb.RangeRequest, _ int64) { r.Limit = 10 }},
		{"count_only", func(r *pb.RangeRequest, _ int64) { r.CountOnly = true }},
		{"keys_only", func(r *pb.RangeRequest, _ int64) { r.KeysOnly = true }},
		{"serializable", func(r *pb.RangeRequest, _ int64) { r.Serializable = true }},
		{"old_revision", func(r *pb.RangeRequest, rev int64) { r.Revision = rev }},
		{"old_revision_limited", func(r *pb.RangeRequest, rev int64) { r.Revision, r.Limit = rev, 2 }},
		{"key_ascending_named", func(r *pb.RangeRequest, _ int64) { r.SortOrder = pb.RangeRequest_ASCEND }},
		{"nothing_found", func(r *pb.RangeRequest, _ int64) { r.Key = append(r.Key, '~') }},
		{"single_key", func(r *pb.RangeRequest, _ int64) { r.Key, r.RangeEnd = append(r.Key, 'c'), nil }},
	} {
		run("equals_range_"+c.name, func(t *testing.T, e *env) {
			var old int64
			for i := range 10 {
				rev := e.put(t, string(rune('a'+i)), fmt.Sprint(i))
				if i == 5 {
					old = rev
				}
			}
			r := &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}
			c.edit(r, old)
			got, err := e.rangeStream(t, proto.Clone(r).(*pb.RangeRequest))
			require.NoError(t, err)
			want := e.rangeOf(t, r)
			require.NotNil(t, got.whole.Header)
			require.NotZero(t, got.whole.Header.Revision)
			require.Equal(t, want.Header.MemberId, got.whole.Header.MemberId)
			want.Header, got.whole.Header = nil, nil // others write at the same time
			require.True(t, proto.Equal(want, got.whole), "want %v, got %v", want, got.whole)
		})
	}
	run("large_comes_in_chunks", func(t *testing.T, e *env) {
		value := strings.Repeat("v", 400_000)
		for i := range 12 {
			e.put(t, fmt.Sprintf("%02d", i), value)
		}
		got, err := e.rangeStream(t, &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end(), Limit: 11})
		require.NoError(t, err)
		require.Greater(t, len(got.chunks), 1)
		for i, chunk := range got.chunks {
			last := i == len(got.chunks)-1
			require.Equal(t, last, chunk.Header != nil, "header in chunk %d of %d", i, len(got.chunks))
			require.Equal(t, last, chunk.Count != 0)
			require.Equal(t, last, chunk.More)
		}
		require.Len(t, got.whole.Kvs, 11)
		require.EqualValues(t, 12, got.whole.Count)
		for i, kv := range got.whole.Kvs {
			require.Equal(t, fmt.Sprintf("%s%02d", e.prefix, i), string(kv.Key))
			require.Len(t, kv.Value, len(value))
		}
	})
	for _, c := range []struct {
		name string
		edit func(r *pb.RangeRequest)
	}{
		{"descending", func(r *pb.RangeRequest) { r.SortOrder = pb.RangeRequest_DESCEND }},
		{"by_value", func(r *pb.RangeRequest) {
			r.SortTarget, r.SortOrder = pb.RangeRequest_VALUE, pb.RangeRequest_ASCEND
		}},
		{"min_mod", func(r *pb.RangeRequest) { r.MinModRevision = 1 }},
		{"max_mod", func(r *pb.RangeRequest) { r.MaxModRevision = 1 }},
		{"min_create", func(r *pb.RangeRequest) { r.MinCreateRevision = 1 }},
		{"max_create", func(r *pb.RangeRequest) { r.MaxCreateRevision = 1 }},
	} {
		run("unimplemented_"+c.name, func(t *testing.T, e *env) {
			r := &pb.RangeRequest{Key: e.key(""), RangeEnd: e.end()}
			c.edit(r)
			_, err := e.rangeStream(t, r)
			requireCode(t, codes.Unimplemented, err)
		})
	}
	for _, c := range []struct {
		name string
		req  *pb.RangeRequest
		want error
	}{
		{"empty_key", &pb.RangeRequest{}, rpctypes.ErrGRPCEmptyKey},
		{"future_revision", &pb.RangeRequest{Key: []byte("k"), Revision: 1 << 40}, rpctypes.ErrGRPCFutureRev},
		{"sort_order_unknown", &pb.RangeRequest{Key: []byte("k"), SortOrder: 9}, rpctypes.ErrGRPCInvalidSortOption},
		{"sort_target_unknown", &pb.RangeRequest{Key: []byte("k"), SortTarget: 9}, rpctypes.ErrGRPCInvalidSortOption},
	} {
		run("error_"+c.name, func(t *testing.T, e *env) {
			_, err := e.rangeStream(t, c.req)
			requireStatus(t, c.want, err)
		})
	}
}
