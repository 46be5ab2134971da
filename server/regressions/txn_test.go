package regressions

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
)

// requireRefusedAlike applies a txn where its proposer waits for the answer and where nobody does, and requires that both refuse
// it with an error, and that neither keeps anything of it.
func requireRefusedAlike(t *testing.T, prepare func(*member), txn *pb.TxnRequest, want error) {
	t.Helper()
	asked, other := newMember(t, vfs.NewMem(), storage.Options{}), newMember(t, vfs.NewMem(), storage.Options{})
	for _, m := range []*member{asked, other} {
		prepare(m)
		before := m.hash()
		require.ErrorIs(t, m.apply(&pb.InternalRaftRequest{Txn: txn}, m == asked).Err, want)
		require.Equal(t, before, m.hash(), "nothing of it was made")
	}
	require.Equal(t, asked.store.Revision(), other.store.Revision())
	require.Equal(t, asked.hash(), other.hash())
}

// A txn of etcd's that wrote, and read at a compacted revision, failed in its middle on members that answered the read, and went
// through on those that did not. The promise: all members make the same of an entry, and a txn happens in whole or not at all.
func TestEtcd18667(t *testing.T) {
	prepare := func(m *member) {
		m.put("a", "a", "b")
		m.compact(3)
	}
	read := rangeOp(&pb.RangeRequest{Key: []byte("a"), Revision: 2})
	requireRefusedAlike(t, prepare, &pb.TxnRequest{Success: []*pb.RequestOp{putOp(putRequest("k")), read}}, mvcc.ErrCompacted)
}

// The same with a read of a revision that is not there yet, but would be once the txn has written (mended in etcd 3.7).
func TestEtcd370FutureRead(t *testing.T) {
	prepare := func(m *member) { m.put("a") } // revision 2
	read := rangeOp(&pb.RangeRequest{Key: []byte("a"), Revision: 3})
	requireRefusedAlike(t, prepare, &pb.TxnRequest{Success: []*pb.RequestOp{putOp(putRequest("k")), read}}, mvcc.ErrFutureRevision)
}

// The same with a put that names a lease which does not exist (3.5.17): what came before it in the txn stayed.
func TestEtcd3517PartialTxn(t *testing.T) {
	put := putRequest("b")
	put.Lease = 7
	txn := &pb.TxnRequest{Success: []*pb.RequestOp{putOp(putRequest("k")), putOp(put)}}
	requireRefusedAlike(t, func(m *member) { m.put("a") }, txn, apply.ErrLeaseNotFound)
}
