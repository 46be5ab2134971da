package storage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
)

// How long a test waits for what must happen, and how often it looks.
const (
	eventually = time.Minute
	tick       = 5 * time.Millisecond
)

// openMem opens a new store in memory for one test.
func openMem(t *testing.T, o storage.Options) *storage.Store {
	t.Helper()
	o.FS, o.FlushInterval = vfs.NewMem(), -1
	s, err := storage.Open("data", o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// putAll puts keys with a value in one transaction of the next index.
func putAll(t *testing.T, s *storage.Store, value string, keys ...string) {
	t.Helper()
	index, _ := s.Applied()
	b := s.NewBatch()
	tx := b.Begin()
	for _, k := range keys {
		require.NoError(t, tx.Put([]byte(k), []byte(value), 0))
	}
	tx.End()
	require.NoError(t, b.Commit(index+1, 1))
}

// TestNewStore checks what a store is before anything was written.
func TestNewStore(t *testing.T) {
	s := openMem(t, storage.Options{})
	require.Equal(t, int64(1), s.Revision())
	require.Equal(t, int64(-1), s.CompactRevision())
	index, term := s.Applied()
	require.Zero(t, index)
	require.Zero(t, term)
	r, err := s.Range(context.Background(), []byte{0}, []byte{0}, storage.RangeOptions{})
	require.NoError(t, err)
	require.Equal(t, &storage.RangeResult{Revision: 1}, r)
}

// TestRangeErrors checks the errors of reads outside the history, and that a
// long read ends with its context.
func TestRangeErrors(t *testing.T) {
	s := openMem(t, storage.Options{})
	keys := make([]string, 2000)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%04d", i)
	}
	putAll(t, s, "v", keys...)
	_, err := s.Range(context.Background(), []byte("k"), nil, storage.RangeOptions{Revision: 3})
	require.ErrorIs(t, err, mvcc.ErrFutureRevision)
	putAll(t, s, "w", keys[0])
	b := s.NewBatch()
	_, err = b.Compact(3)
	require.NoError(t, err)
	require.NoError(t, b.Commit(3, 1))
	_, err = s.Range(context.Background(), []byte("k"), nil, storage.RangeOptions{Revision: 2})
	require.ErrorIs(t, err, mvcc.ErrCompacted)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Range(ctx, []byte("k"), []byte("l"), storage.RangeOptions{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Stream(ctx, []byte("k"), []byte("l"), storage.RangeOptions{}, 100, func([]*mvccpb.KeyValue) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
}

// TestDroppedBatch checks that nothing of a batch that was closed is left, in
// the cache of heads least of all.
func TestDroppedBatch(t *testing.T) {
	s := openMem(t, storage.Options{})
	putAll(t, s, "v", "a")
	b := s.NewBatch()
	require.NoError(t, b.LeaseGrant(1, 10))
	tx := b.Begin()
	require.NoError(t, tx.Put([]byte("a"), []byte("w"), 1))
	_, err := tx.DeleteRange([]byte("a"), nil)
	require.NoError(t, err)
	tx.End()
	require.NoError(t, b.Close())

	require.Equal(t, int64(2), s.Revision())
	require.Empty(t, s.Leases())
	putAll(t, s, "x", "a")
	r, err := s.Range(context.Background(), []byte("a"), nil, storage.RangeOptions{})
	require.NoError(t, err)
	require.Len(t, r.KVs, 1)
	require.Equal(t, int64(2), r.KVs[0].Version)
	require.Equal(t, int64(3), r.KVs[0].ModRevision)
}

// TestPutUnknownLease checks that such a put changes nothing.
func TestPutUnknownLease(t *testing.T) {
	s := openMem(t, storage.Options{})
	b := s.NewBatch()
	tx := b.Begin()
	require.ErrorIs(t, tx.Put([]byte("a"), nil, 9), lease.ErrNotFound)
	require.Equal(t, int64(1), tx.End())
	require.NoError(t, b.Commit(1, 1))
	require.Equal(t, int64(1), s.Revision())
}

// TestRecords writes and reads the server's small records.
func TestRecords(t *testing.T) {
	s := openMem(t, storage.Options{})
	b := s.NewBatch()
	require.NoError(t, b.SetRecord(storage.TableMembers, []byte("b"), []byte("2")))
	require.NoError(t, b.SetRecord(storage.TableMembers, []byte("a"), []byte("1")))
	require.NoError(t, b.SetRecord(storage.TableAlarms, []byte("a"), nil))
	require.NoError(t, b.SetRecord(storage.TableMeta, []byte("gone"), []byte("x")))
	require.NoError(t, b.DeleteRecord(storage.TableMeta, []byte("gone")))
	require.NoError(t, b.Commit(1, 1))

	records, err := s.Records(storage.TableMembers)
	require.NoError(t, err)
	require.Equal(t, []storage.Record{
		{Key: []byte("a"), Value: []byte("1")},
		{Key: []byte("b"), Value: []byte("2")},
	}, records)
	v, err := s.Record(storage.TableAlarms, []byte("a"))
	require.NoError(t, err)
	require.NotNil(t, v)
	require.Empty(t, v)
	v, err = s.Record(storage.TableMeta, []byte("gone"))
	require.NoError(t, err)
	require.Nil(t, v)
}

// TestMetrics checks etcd's counters, and that a second store can be opened
// under the same Registerer once the first is closed.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for range 2 {
		s, err := storage.Open("data", storage.Options{FS: vfs.NewMem(), FlushInterval: -1, Registerer: registry})
		require.NoError(t, err)
		putAll(t, s, "value", "a", "b")
		_, err = s.Range(context.Background(), []byte("a"), nil, storage.RangeOptions{})
		require.NoError(t, err)

		families, err := registry.Gather()
		require.NoError(t, err)
		got := make(map[string]float64)
		for _, f := range families {
			m := f.GetMetric()[0]
			got[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		for name, want := range map[string]float64{
			"etcd_mvcc_put_total":                         2,
			"etcd_mvcc_range_total":                       1,
			"etcd_mvcc_delete_total":                      0,
			"etcd_mvcc_txn_total":                         1,
			"etcd_debugging_mvcc_total_put_size_in_bytes": 12,
			"etcd_debugging_mvcc_keys_total":              2,
			"etcd_debugging_mvcc_current_revision":        2,
		} {
			require.Contains(t, got, name)
			require.InDelta(t, want, got[name], 0, name)
		}
		require.NoError(t, s.Close())
	}
}

// TestAsyncFlush checks that an idle store becomes durable by itself.
func TestAsyncFlush(t *testing.T) {
	s, err := storage.Open("data", storage.Options{FS: vfs.NewMem(), FlushInterval: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	putAll(t, s, "v", "a")
	require.Eventually(t, func() bool { return s.DurableApplied() == 1 }, eventually, tick)
}
