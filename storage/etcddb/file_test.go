package etcddb

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// entries are a database's buckets and what is in them, as text.
type entries []string

// byBbolt reads a database with bbolt.
func byBbolt(t *testing.T, path string) (all entries) {
	t.Helper()
	db, err := bbolt.Open(path, 0o400, &bbolt.Options{ReadOnly: true})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			all = append(all, string(name))
			return b.ForEach(func(k, v []byte) error {
				all = append(all, fmt.Sprintf("%x=%x", k, v))
				return nil
			})
		})
	}))
	return all
}

// byWalk reads a database with this package.
func byWalk(f *File) (all entries, err error) {
	names, err := f.Buckets()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		all = append(all, name)
		err := f.Walk(name, func(k, v []byte) error {
			all = append(all, fmt.Sprintf("%x=%x", k, v))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// randomDatabase writes and deletes entries of all sizes in many transactions:
// inline buckets, branches, pages with overflow and free pages come of it.
func randomDatabase(t *testing.T, seed uint64) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "random.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, PageSize: 1024 << rng.IntN(4)})
	require.NoError(t, err)
	for range 1 + rng.IntN(10) {
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			for i := range 1 + rng.IntN(3) {
				b, err := tx.CreateBucketIfNotExists([]byte{byte('a' + i)})
				require.NoError(t, err)
				for range rng.IntN(1 << rng.IntN(9)) {
					key := fmt.Appendf(nil, "%05d", rng.IntN(1000))
					if rng.IntN(4) == 0 {
						require.NoError(t, b.Delete(key))
						continue
					}
					require.NoError(t, b.Put(key, bytes.Repeat([]byte{byte(rng.IntN(256))}, rng.IntN(1<<rng.IntN(14)))))
				}
			}
			return nil
		}))
	}
	require.NoError(t, db.Close())
	return path
}

// TestWalkReadsWhatBboltReads compares with bbolt.
func TestWalkReadsWhatBboltReads(t *testing.T) {
	for seed := range uint64(20) {
		path := randomDatabase(t, seed)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := New(bytes.NewReader(whole), int64(len(whole)))
		require.NoError(t, err)
		got, err := byWalk(f)
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, byBbolt(t, path), got, "seed %d", seed)
		require.NoError(t, f.Walk("none", nil))
	}
}

// TestSecondMetaPage reads a database whose first meta page is damaged, as
// bbolt does.
func TestSecondMetaPage(t *testing.T) {
	path := randomDatabase(t, 3)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := New(bytes.NewReader(whole), int64(len(whole)))
	require.NoError(t, err)
	older := f.meta.txid - 1
	// The newer meta page is damaged in turn; what the older one describes may
	// have been reused, so only that it is taken is checked.
	for _, offset := range []int64{0, f.meta.pageSize} {
		damaged := bytes.Clone(whole)
		damaged[offset+pageHeaderLen+20] ^= 1
		g, err := New(bytes.NewReader(damaged), int64(len(damaged)))
		require.NoError(t, err)
		require.Contains(t, []uint64{older, f.meta.txid}, g.meta.txid)
	}
}

// small is a database of etcd as Writer makes it.
func small(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.db")
	w, err := Create(path)
	require.NoError(t, err)
	for i := range int64(60) {
		kv, err := EncodeKV(fmt.Appendf(nil, "key%d", i%7), i+2, i%7+2, i/7+1, i%3, bytes.Repeat([]byte("v"), int(i*i)))
		require.NoError(t, err)
		require.NoError(t, w.PutRow(i+2, 0, false, kv))
	}
	tombstone, err := EncodeKV([]byte("key0"), 62, 0, 0, 0, nil)
	require.NoError(t, err)
	require.NoError(t, w.PutRow(62, 1, true, tombstone))
	require.NoError(t, w.PutRow(70, 0, false, nil)) // as --bump-revision leaves it
	require.NoError(t, w.PutLease(Lease{ID: -7, TTL: 60, Remaining: 5}))
	require.NoError(t, w.PutCompacted(1))
	require.NoError(t, w.PutIndex(9, 2))
	require.NoError(t, w.Finish())
	require.NoFileExists(t, path+Partial)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// TestWriter reads back what it writes.
func TestWriter(t *testing.T) {
	b := small(t)
	f, err := New(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.NoError(t, f.VerifySum())
	var rows []string
	require.NoError(t, f.Rows(func(r *Row) error {
		rows = append(rows, fmt.Sprintf("%d.%d %t %t %s", r.Main, r.Sub, r.Tombstone, r.Bump, r.KV.Key))
		return nil
	}))
	require.Len(t, rows, 62)
	require.Equal(t, []string{"2.0 false false key0", "62.1 true false key0", "70.0 false true "}, []string{rows[0], rows[60], rows[61]})
	require.NoError(t, f.Leases(func(l Lease) error {
		require.Equal(t, Lease{ID: -7, TTL: 60, Remaining: 5}, l)
		return nil
	}))
	scheduled, finished, err := f.Compacted()
	require.NoError(t, err)
	require.Equal(t, []int64{1, 1}, []int64{scheduled, finished})
	status, err := f.Status()
	require.NoError(t, err)
	require.EqualValues(t, 70, status.Revision)
	require.Equal(t, 7, status.Keys) // six of them, and the one that --bump-revision leaves: etcd counts it
}

// TestSum tells the ways a sum can be missing or wrong.
func TestSum(t *testing.T) {
	b := small(t)
	bare := b[:len(b)-sha256.Size]
	f, err := New(bytes.NewReader(bare), int64(len(bare)))
	require.NoError(t, err)
	require.ErrorIs(t, f.VerifySum(), ErrNoSum)
	wrong := bytes.Clone(b)
	wrong[len(wrong)-1] ^= 1
	f, err = New(bytes.NewReader(wrong), int64(len(wrong)))
	require.NoError(t, err)
	require.ErrorIs(t, f.VerifySum(), ErrSum)
}

// everything reads all that there is to read.
func everything(b []byte) error {
	f, err := New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	_, err = f.Status()
	leases := f.Leases(func(Lease) error { return nil })
	_, _, compacted := f.Compacted()
	return errors.Join(err, leases, compacted)
}

// TestDamage cuts off and flips bits: an answer or ErrCorrupt, never a panic
// and never a walk without an end.
func TestDamage(t *testing.T) {
	whole := small(t)
	require.NoError(t, everything(whole))
	rng := rand.New(rand.NewPCG(1, 1))
	failed := 0
	for range 3000 {
		b := bytes.Clone(whole)
		if rng.IntN(4) == 0 {
			b = b[:rng.IntN(len(b))]
		}
		for range rng.IntN(4) {
			if len(b) > 0 {
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			}
		}
		if err := everything(b); err != nil {
			failed++
			requireKnown(t, err)
		}
	}
	require.Positive(t, failed)
}

// requireKnown requires one of the errors that callers tell apart.
func requireKnown(t require.TestingT, err error) {
	known := errors.Is(err, ErrForeign) || errors.Is(err, ErrCorrupt)
	require.True(t, known && !errors.Is(err, io.ErrUnexpectedEOF), "%v", err)
}

// TestPageInATreeTwice is a tree that bbolt would walk for ever.
func TestPageInATreeTwice(t *testing.T) {
	b := small(t)
	f, err := New(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	header, err := f.bucket(BucketKey)
	require.NoError(t, err)
	root := order.Uint64(header)
	require.NotZero(t, root)
	at := int64(root) * f.meta.pageSize
	require.EqualValues(t, flagBranch, order.Uint16(b[at+8:]))
	order.PutUint64(b[at+pageHeaderLen+8:], root) // its first child is itself
	require.ErrorContains(t, everything(b), "is in a tree twice")
}

// FuzzFile reads any bytes, behind a beginning that is a database's.
func FuzzFile(f *testing.F) {
	whole := small(f)
	f.Add(uint32(3*4096), []byte{1, 2, 3})
	f.Add(uint32(len(whole)/2), []byte{})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := bytes.Clone(whole)
		copy(b[int(at)%len(b):], patch)
		if err := everything(b); err != nil {
			requireKnown(t, err)
		}
		if err := everything(patch); err != nil {
			requireKnown(t, err)
		}
	})
}
