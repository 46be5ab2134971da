package storage_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// recordSeed makes TestRecordHashes run.
var recordSeed = flag.Uint64("record-hashes", 0, "record testdata/hashkv.txt anew with this seed, from $PETCD_PEERS/3.7.3/etcd")

// TestRecordHashes makes the script of TestHashKV: it runs a real etcd 3.7.3,
// does random changes and compactions, and writes them down with the hashes it
// gives. After a compaction the server is restarted before it is asked for
// hashes: until then it answers for the compacted revision with a hash that it
// took while compacting, of what is no longer there.
//
//	PETCD_PEERS=bin/peers go test ./storage -run TestRecordHashes -record-hashes 1
func TestRecordHashes(t *testing.T) {
	if *recordSeed == 0 {
		t.Skip("only with -record-hashes")
	}
	r := &hashRecorder{
		t: t, rand: rand.New(rand.NewPCG(*recordSeed, 0)),
		binary: filepath.Join(os.Getenv("PETCD_PEERS"), "3.7.3", "etcd"), dir: t.TempDir(),
		revision: 1, compacted: -1,
	}
	r.start()
	r.record()
	r.stop()
	require.NoError(t, os.MkdirAll(filepath.Dir(hashScript), 0o755))
	require.NoError(t, os.WriteFile(hashScript, r.script.Bytes(), 0o644))
}

// hashRecorder drives the real server.
type hashRecorder struct {
	t      *testing.T
	rand   *rand.Rand
	binary string
	dir    string
	script bytes.Buffer

	server   *exec.Cmd
	endpoint string
	client   *clientv3.Client

	revision, compacted int64
}

// freeAddress is one that nobody listens on.
func (r *hashRecorder) freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

func (r *hashRecorder) start() {
	peer := r.freeAddress()
	r.endpoint = r.freeAddress()
	r.server = exec.Command(r.binary, "--data-dir", r.dir, "--listen-client-urls", r.endpoint,
		"--advertise-client-urls", r.endpoint, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer, "--log-level", "error", "--unsafe-no-fsync")
	require.NoError(r.t, r.server.Start())
	var err error
	r.client, err = clientv3.New(clientv3.Config{Endpoints: []string{r.endpoint}, DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
	require.NoError(r.t, err)
	require.Eventually(r.t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := r.client.Get(ctx, "x")
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
}

func (r *hashRecorder) stop() {
	require.NoError(r.t, r.client.Close())
	require.NoError(r.t, r.server.Process.Signal(os.Interrupt))
	_ = r.server.Wait()
}

func (r *hashRecorder) write(format string, args ...any) {
	fmt.Fprintf(&r.script, format+"\n", args...)
}

// record does the whole script.
func (r *hashRecorder) record() {
	ctx := context.Background()
	ids := []int64{0, 0, 0}
	for range 3 {
		l, err := r.client.Grant(ctx, 100000)
		require.NoError(r.t, err)
		r.write("grant %d", l.ID)
		ids = append(ids, int64(l.ID))
	}
	r.hashes()
	for round := range 16 {
		for range 5 + r.rand.IntN(40) {
			r.change(ctx, ids)
		}
		r.hashes()
		switch round % 5 {
		case 4: // nothing is live at the newest revision
			r.do(ctx, false, r.deletion("a", "z"))
		case 2: // the newest change is a deletion, and compacted at
			r.do(ctx, false, r.deletion("k0", "k3"))
			r.compact(ctx, r.revision)
		}
		if round%3 > 0 && r.revision > r.compacted+1 {
			r.compact(ctx, max(1, r.compacted+1)+r.rand.Int64N(r.revision-max(0, r.compacted)))
		}
	}
}

// change is one random write.
func (r *hashRecorder) change(ctx context.Context, ids []int64) {
	key := func() string { return fmt.Sprintf("k%d", r.rand.IntN(10)) }
	put := func(key string) func() clientv3.Op {
		value := string(bytes.Repeat([]byte{byte(r.rand.IntN(256))}, r.rand.IntN(30)))
		if r.rand.IntN(10) == 0 {
			value = string(bytes.Repeat([]byte("long "), 1000+r.rand.IntN(1000)))
		}
		lease := ids[r.rand.IntN(len(ids))]
		return func() clientv3.Op {
			r.write("put %q %q %d", key, value, lease)
			return clientv3.OpPut(key, value, clientv3.WithLease(clientv3.LeaseID(lease)))
		}
	}
	switch r.rand.IntN(6) {
	case 0:
		r.do(ctx, false, r.deletion(key(), ""))
	case 1:
		r.do(ctx, false, r.deletion(key(), key()))
	case 2:
		ops := []func() clientv3.Op{put("k1"), put("t1"), put("t2"), r.deletion("k5", "k9"), r.deletion("k2", "")}
		r.rand.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
		r.do(ctx, true, ops[:1+r.rand.IntN(len(ops))]...)
	default:
		r.do(ctx, false, put(key()))
	}
}

// deletion deletes a key or a range.
func (r *hashRecorder) deletion(key, end string) func() clientv3.Op {
	return func() clientv3.Op {
		r.write("delete %q %q", key, end)
		if end == "" {
			return clientv3.OpDelete(key)
		}
		return clientv3.OpDelete(key, clientv3.WithRange(end))
	}
}

// do sends operations, as one transaction or a single one.
func (r *hashRecorder) do(ctx context.Context, txn bool, ops ...func() clientv3.Op) {
	if !txn {
		resp, err := r.client.Do(ctx, ops[0]())
		require.NoError(r.t, err)
		if put := resp.Put(); put != nil {
			r.revision = put.Header.Revision
		} else {
			r.revision = resp.Del().Header.Revision
		}
		return
	}
	r.write("begin")
	var built []clientv3.Op
	for _, op := range ops {
		built = append(built, op())
	}
	resp, err := r.client.Txn(ctx).Then(built...).Commit()
	require.NoError(r.t, err)
	r.revision = resp.Header.Revision
	r.write("end")
}

// compact compacts physically, restarts the server and asks for hashes.
func (r *hashRecorder) compact(ctx context.Context, revision int64) {
	if revision <= r.compacted || revision > r.revision {
		return
	}
	_, err := r.client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	require.NoError(r.t, err)
	r.compacted = revision
	r.write("compact %d", revision)
	r.stop()
	r.start()
	r.hashes()
}

// hashes asks for hashes at the newest, the compact and some other revisions.
func (r *hashRecorder) hashes() {
	revisions := []int64{0, r.revision, max(1, r.compacted)}
	for range 4 {
		low := max(1, r.compacted)
		revisions = append(revisions, low+r.rand.Int64N(r.revision-low+1))
	}
	for _, revision := range revisions {
		resp, err := r.client.HashKV(context.Background(), r.endpoint, revision)
		require.NoError(r.t, err)
		r.write("hash %d %d %d %d", revision, resp.Hash, resp.CompactRevision, resp.HashRevision)
	}
}
