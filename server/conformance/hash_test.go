package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// hashCases: HashKV over a history that starts at revision 1. The expected
// hashes were computed by etcd 3.7.3 and 3.4.23 alike; members of a cluster
// compare them, so any other number is corruption.
func hashCases(s *suite) {
	hash := func(t *testing.T, e *env, rev int64) *pb.HashKVResponse {
		t.Helper()
		resp, err := e.maint.HashKV(e.ctx, &pb.HashKVRequest{Revision: rev})
		require.NoError(t, err)
		return resp
	}
	write := func(t *testing.T, e *env, key, value string) int64 {
		t.Helper()
		resp, err := e.kv.Put(e.ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
		require.NoError(t, err)
		return resp.Header.Revision
	}
	s.run("empty_store", func(t *testing.T, e *env) {
		resp := hash(t, e, 0)
		require.EqualValues(t, 1, resp.Header.Revision)
		require.EqualValues(t, -1, resp.CompactRevision)
		require.Equal(t, hashOfEmpty, resp.Hash)
	})
	s.run("after_puts_and_deletes", func(t *testing.T, e *env) {
		require.EqualValues(t, 2, write(t, e, "a", "1"))
		write(t, e, "b", "2")
		write(t, e, "a", "3")
		_, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: []byte("b")})
		require.NoError(t, err)
		write(t, e, "b", "4")
		resp := hash(t, e, 0)
		require.EqualValues(t, 6, resp.Header.Revision)
		require.Equal(t, hashAt6, resp.Hash)
		if e.target.has(hashRevision) {
			require.EqualValues(t, 6, resp.HashRevision)
		}
	})
	s.run("at_an_old_revision", func(t *testing.T, e *env) {
		resp := hash(t, e, 4)
		require.Equal(t, hashAt4, resp.Hash)
		require.EqualValues(t, 6, resp.Header.Revision)
		require.Equal(t, hash(t, e, 4).Hash, resp.Hash)
		require.Equal(t, hashAt6, hash(t, e, 6).Hash)
	})
	s.run("at_zero_is_at_the_last", func(t *testing.T, e *env) {
		require.Equal(t, hash(t, e, 6).Hash, hash(t, e, 0).Hash)
	})
	s.run("changes_with_compaction", func(t *testing.T, e *env) {
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: 4, Physical: true})
		require.NoError(t, err)
		resp := hash(t, e, 0)
		require.EqualValues(t, 4, resp.CompactRevision)
		require.Equal(t, hashAt6Compacted4, resp.Hash)
	})
	s.run("at_the_compacted_revision_after_a_restart", func(t *testing.T, e *env) {
		// Until it restarts, etcd answers from a cache the hash as it was
		// before the compaction.
		needs(t, e, hashAtCompacted)
		require.NoError(t, e.cluster.Member(0).Restart())
		require.NoError(t, e.cluster.Member(0).WaitHealthy(e.ctx))
		e.until(t, "the connection to come back", func() bool {
			_, err := e.maint.HashKV(e.ctx, &pb.HashKVRequest{})
			return err == nil
		})
		require.Equal(t, hashAt4Compacted4, hash(t, e, 4).Hash)
		require.Equal(t, hashAt6Compacted4, hash(t, e, 6).Hash)
	})
	s.run("below_the_compacted_revision", func(t *testing.T, e *env) {
		_, err := e.maint.HashKV(e.ctx, &pb.HashKVRequest{Revision: 3})
		requireStatus(t, rpctypes.ErrGRPCCompacted, err)
	})
	s.run("beyond_the_last_revision", func(t *testing.T, e *env) {
		_, err := e.maint.HashKV(e.ctx, &pb.HashKVRequest{Revision: 7})
		requireStatus(t, rpctypes.ErrGRPCFutureRev, err)
	})
	s.run("drops_deleted_keys", func(t *testing.T, e *env) {
		write(t, e, "gone", "x") // 7
		_, err := e.kv.DeleteRange(e.ctx, &pb.DeleteRangeRequest{Key: []byte("gone")})
		require.NoError(t, err) // 8
		_, err = e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: 8, Physical: true})
		require.NoError(t, err)
		require.Equal(t, hashAt8Compacted8, hash(t, e, 0).Hash)
	})
	s.run("txn_of_many", func(t *testing.T, e *env) {
		e.txn(t, &pb.TxnRequest{Success: ops(
			opPut([]byte("m1"), "v"), opPut([]byte("m2"), "v"), wrapDelete(&pb.DeleteRangeRequest{Key: []byte("a")}),
		)}) // 9
		require.Equal(t, hashAt9, hash(t, e, 0).Hash)
	})
}

// Hashes by etcd of the history above.
const (
	hashOfEmpty       uint32 = 0x40a4756d
	hashAt6           uint32 = 0x68a7a552
	hashAt4           uint32 = 0x7b5cbf9c
	hashAt6Compacted4 uint32 = 0x595ddbc4
	hashAt4Compacted4 uint32 = 0x42054b1b
	hashAt8Compacted8 uint32 = 0xc15faa32
	hashAt9           uint32 = 0x47933faf
)
