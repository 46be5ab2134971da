package regressions

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// member is a member's state and what applies entries to it, without a log.
type member struct {
	t       *testing.T
	o       storage.Options
	store   *storage.Store
	users   *auth.Store
	applier *apply.Applier
	index   uint64
}

// newMember opens a state on fs, or a new one, and reads from it what a member keeps in memory. Options beside the file system
// may be zero.
func newMember(t *testing.T, fs vfs.FS, o storage.Options) *member {
	t.Helper()
	o.FS, o.FlushInterval = fs, -1
	m := &member{t: t, o: o}
	m.open()
	t.Cleanup(func() { require.NoError(t, m.store.Close()) })
	return m
}

// open is a start of the member.
func (m *member) open() {
	m.t.Helper()
	s, err := storage.Open("state", m.o)
	require.NoError(m.t, err)
	m.store = s
	m.load()
}

// load reads what a member keeps in memory.
func (m *member) load() {
	m.t.Helper()
	users, err := auth.New(auth.Config{Token: "simple", BcryptCost: 4})
	require.NoError(m.t, err)
	m.users = users
	m.applier = apply.New(apply.Config{Cluster: membership.New(1, 2, 1), Auth: users})
	require.NoError(m.t, m.applier.Load(m.store))
	m.index, _ = m.store.Applied()
}

// restart closes the state in good order and opens it again.
func (m *member) restart() {
	m.t.Helper()
	require.NoError(m.t, m.store.Flush())
	require.NoError(m.t, m.store.Close())
	m.open()
}

// install replaces the state by another member's, as a snapshot does.
func (m *member) install(from []byte) {
	m.t.Helper()
	name, err := m.store.StageSnapshot(bytes.NewReader(from))
	require.NoError(m.t, err)
	require.NoError(m.t, m.store.InstallSnapshot(name))
	m.load()
}

// snapshot is the member's state as it would be sent.
func (m *member) snapshot() []byte {
	m.t.Helper()
	sn, err := m.store.Snapshot()
	require.NoError(m.t, err)
	var b bytes.Buffer
	_, err = sn.WriteTo(&b)
	require.NoError(m.t, err)
	require.NoError(m.t, sn.Close())
	return b.Bytes()
}

// apply applies an entry, at the member where its proposer waits or, with waited false, at another one.
func (m *member) apply(r *pb.InternalRaftRequest, waited bool) *apply.Result {
	m.t.Helper()
	b := m.store.NewBatch()
	res, err := m.applier.Apply(b, r, waited)
	if err != nil {
		require.NoError(m.t, b.Close())
		require.NoError(m.t, err)
	}
	m.index++
	require.NoError(m.t, b.Commit(m.index, 1))
	m.users.Publish()
	return res
}

// must is apply of an entry that nothing speaks against.
func (m *member) must(r *pb.InternalRaftRequest) {
	m.t.Helper()
	require.NoError(m.t, m.apply(r, true).Err)
}

// put writes keys, each by an entry of its own.
func (m *member) put(keys ...string) {
	m.t.Helper()
	for _, k := range keys {
		m.must(&pb.InternalRaftRequest{Put: putRequest(k)})
	}
}

// del deletes a key.
func (m *member) del(key string) {
	m.t.Helper()
	m.must(&pb.InternalRaftRequest{DeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}})
}

// compact compacts, and waits until what is superseded is removed.
func (m *member) compact(revision int64) {
	m.t.Helper()
	res := m.apply(&pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: revision}}, true)
	require.NoError(m.t, res.Err)
	<-res.Done
}

// hash is etcd's hash of all that the member holds.
func (m *member) hash() uint32 {
	m.t.Helper()
	h, _, _, _, err := m.store.HashKV(m.t.Context(), 0)
	require.NoError(m.t, err)
	return h
}

func putRequest(key string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), Value: []byte("value of " + key)}
}

func putOp(p *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: p}}
}

func rangeOp(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}
