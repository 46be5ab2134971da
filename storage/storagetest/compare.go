package storagetest

import (
	"context"
	"slices"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/storage"
)

// compareRevisions is the number of revisions, counted back from the newest,
// at which Compare reads.
const compareRevisions = 24

// Compare requires that a store answers as the model does, at many revisions.
// The source chooses the ranges.
func Compare(t require.TestingT, s *storage.Store, m *Model, src Source) {
	require.Equal(t, m.Revision, s.Revision())
	require.Equal(t, m.Compacted, s.CompactRevision())
	compareLeases(t, s, m)
	compareV2(t, s, m.V2, src)
	all := Op{Kind: OpRange, Key: []byte{0}, End: []byte{0}}
	for back := int64(0); back < compareRevisions; back++ {
		all.Back = back
		compareRange(t, s, m, all)
		keys := all
		keys.KeysOnly = true
		compareRange(t, s, m, keys)
		compareRange(t, s, m, randomRange(src))
	}
	for range 12 {
		compareRange(t, s, m, Op{Kind: OpRange, Key: RandomKey(src), Back: int64(src.IntN(4))})
		compareStream(t, s, m, randomRange(src), src)
		compareEach(t, s, m, randomRange(src))
	}
}

// compareRange compares one read.
func compareRange(t require.TestingT, s *storage.Store, m *Model, o Op) {
	want, wantErr := m.read(o.Key, o.End, o.rangeOptions(m.Revision))
	got, err := s.Range(context.Background(), o.Key, o.End, o.rangeOptions(m.Revision))
	require.Equal(t, answerOf(plainResult(want), wantErr), answerOf(plainResult(got), err), "%v", o)
}

// compareStream compares one streamed read.
func compareStream(t require.TestingT, s *storage.Store, m *Model, o Op, src Source) {
	want, wantErr := m.read(o.Key, o.End, o.rangeOptions(m.Revision))
	var kvs []*mvccpb.KeyValue
	got, err := s.Stream(context.Background(), o.Key, o.End, o.rangeOptions(m.Revision), 1+src.IntN(20),
		func(chunk []*mvccpb.KeyValue) error {
			kvs = append(kvs, chunk...)
			return nil
		})
	if err == nil {
		require.Empty(t, got.KVs)
		got.KVs = kvs
	}
	require.Equal(t, answerOf(plainResult(want), wantErr), answerOf(plainResult(got), err), "stream %v", o)
}

// compareEach compares one read key by key.
func compareEach(t require.TestingT, s *storage.Store, m *Model, o Op) {
	want, wantErr := m.read(o.Key, o.End, o.rangeOptions(m.Revision))
	var kvs []*mvccpb.KeyValue
	got, err := s.Each(context.Background(), o.Key, o.End, o.rangeOptions(m.Revision), func(kv *mvccpb.KeyValue) error {
		kvs = append(kvs, proto.CloneOf(kv))
		return nil
	})
	if err == nil {
		require.Empty(t, got.KVs)
		got.KVs = kvs
	}
	require.Equal(t, answerOf(plainResult(want), wantErr), answerOf(plainResult(got), err), "each %v", o)
}

// compareLeases compares the lease table and the keys attached.
func compareLeases(t require.TestingT, s *storage.Store, m *Model) {
	ids := make([]int64, 0, len(m.leases))
	for id := range m.leases {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	want := make([]storage.LeaseInfo, 0, len(ids))
	for _, id := range ids {
		want = append(want, storage.LeaseInfo{ID: id, TTL: m.leases[id].ttl, RemainingTTL: m.leases[id].remaining})
	}
	require.Equal(t, want, s.Leases())
	for _, info := range want {
		info.Keys = m.attached(info.ID)
		got, ok, err := s.Lease(info.ID)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, info, got)
	}
}
