package turn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
)

// saveAndRestore saves a snapshot, makes a new member of it and checks that it has all keys.
func saveAndRestore(ctx context.Context, t *target.Target, conn *grpc.ClientConn, keys uint64, run *report.Run) error {
	path := filepath.Join(t.Dir(), "snapshot.db")
	before, err := t.Usage()
	if err != nil {
		return err
	}
	began := time.Now()
	size, err := save(ctx, conn, path)
	if err != nil {
		return fmt.Errorf("turn: save a snapshot: %w", err)
	}
	run.SetTime(report.Save, time.Since(began))
	after, err := t.Usage()
	if err != nil {
		return err
	}
	run.SetTime(report.SaveCPU, after.CPU-before.CPU)
	run.Set(report.SaveBytes, float64(size))

	restored, took, err := t.Restored(ctx, path)
	if errors.Is(err, target.ErrNoRestore) {
		return nil
	}
	if err != nil {
		return err
	}
	run.SetTime(report.Restore, took)
	count, err := countAll(ctx, restored)
	if err == nil && count != int64(keys) {
		err = fmt.Errorf("%w: %d keys restored of %d", ErrResult, count, keys)
	}
	return errors.Join(err, restored.Close(), os.Remove(path))
}

// countAll counts a target's keys.
func countAll(ctx context.Context, t *target.Target) (int64, error) {
	conns, err := t.Dial(ctx, 1, false)
	if err != nil {
		return 0, err
	}
	defer conns.Close()
	resp, err := pb.NewKVClient(conns[0]).Range(ctx, &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, CountOnly: true})
	if err != nil {
		return 0, fmt.Errorf("turn: count all keys: %w", err)
	}
	return resp.Count, nil
}

// save writes a snapshot to a file as etcdctl does, synced, and checks the digest at its end.
func save(ctx context.Context, conn *grpc.ClientConn, path string) (int64, error) {
	stream, err := pb.NewMaintenanceClient(conn).Snapshot(ctx, &pb.SnapshotRequest{})
	if err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() // a second time at the end, which only says so
	body := &digested{digest: sha256.New()}
	var size int64
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if _, err := f.Write(part.Blob); err != nil {
			return 0, err
		}
		body.write(part.Blob)
		size += int64(len(part.Blob))
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if !body.whole() {
		return 0, fmt.Errorf("%w: a snapshot of %d bytes does not end with its digest", ErrResult, size)
	}
	return size, f.Close()
}

// digested hashes all but the last bytes of a stream, which are the digest.
type digested struct {
	digest hash.Hash
	tail   []byte
}

// write takes the next bytes.
func (d *digested) write(p []byte) {
	d.tail = append(d.tail, p...)
	if n := len(d.tail) - sha256.Size; n > 0 {
		d.digest.Write(d.tail[:n])
		d.tail = append(d.tail[:0], d.tail[n:]...)
	}
}

// whole says whether the stream ended with its digest.
func (d *digested) whole() bool { return bytes.Equal(d.digest.Sum(nil), d.tail) }
