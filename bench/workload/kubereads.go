package workload

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// podPrefix is where pods are kept.
const podPrefix = "/registry/pods/"

// listPods lists a namespace's pods in pages, all at the revision of the first, and checks that the pages make up what the first counted.
func listPods(ctx context.Context, conn Conn, namespace uint64) error {
	prefix := fmt.Appendf(nil, "%sns-%04d/", podPrefix, namespace)
	req := &pb.RangeRequest{Key: prefix, RangeEnd: prefixEnd(prefix), Limit: listLimit}
	var total, got int64
	for {
		resp, err := pb.NewKVClient(conn).Range(ctx, req)
		if err != nil {
			return err
		}
		if req.Revision == 0 {
			req.Revision, total = resp.Header.GetRevision(), resp.Count
		}
		for _, kv := range resp.Kvs {
			if bytes.Compare(kv.Key, req.Key) < 0 || !bytes.HasPrefix(kv.Key, prefix) {
				return fmt.Errorf("%w: %q in a page from %q", ErrAnswer, kv.Key, req.Key)
			}
			req.Key = append(bytes.Clone(kv.Key), 0)
		}
		got += int64(len(resp.Kvs))
		if !resp.More {
			break
		}
	}
	if got != total {
		return fmt.Errorf("%w: %d pods in the pages of a list of %d", ErrAnswer, got, total)
	}
	return nil
}

// prefixEnd is the end of the range of keys with a prefix whose last byte is not the largest.
func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	end[len(end)-1]++
	return end
}

// podWatcher counts the events of all pods.
type podWatcher struct {
	seen   atomic.Int64
	failed atomic.Pointer[error]
}

// watchPods opens a watch of all pods with what was there before, on a stream of its own.
func (k *Kube) watchPods(ctx context.Context, conn Conn) (*podWatcher, error) {
	stream, err := pb.NewWatchClient(conn).Watch(ctx)
	if err == nil {
		err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte(podPrefix), RangeEnd: prefixEnd([]byte(podPrefix)), PrevKv: true,
		}}})
	}
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		return nil, fmt.Errorf("workload: watch pods: %w", err)
	}
	w, rec := &podWatcher{}, k.delivered.Recorder()
	go func() {
		for {
			resp, err := stream.Recv()
			if err != nil {
				w.failed.Store(&err)
				return
			}
			for _, ev := range resp.Events {
				if ev.IsModify() != (ev.PrevKv != nil) && ev.Type == mvccpb.PUT || ev.Type == mvccpb.DELETE && ev.PrevKv == nil {
					err := fmt.Errorf("%w: an event of %q without what was there before", ErrAnswer, ev.Kv.Key)
					w.failed.Store(&err)
					return
				}
				if value := ev.Kv.Value; len(value) >= stampSize {
					began := int64(binary.BigEndian.Uint64(value[len(value)-stampSize:]))
					rec.Record(time.Since(time.Unix(0, began)))
				}
				w.seen.Add(1)
			}
		}
	}()
	return w, nil
}

// Settle waits until every watcher has seen every write of a pod, and returns an error for one that has seen more, or too little after a
// minute.
func (k *Kube) Settle(ctx context.Context) error {
	want := k.podEvents.Load()
	deadline := time.Now().Add(eventsTimeout)
	for _, w := range k.watchers {
		for w.seen.Load() < want && w.failed.Load() == nil && time.Now().Before(deadline) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		if err := w.failed.Load(); err != nil {
			return *err
		}
		if seen := w.seen.Load(); seen != want {
			return fmt.Errorf("%w: a watcher has seen %d events of %d", ErrAnswer, seen, want)
		}
	}
	return ctx.Err()
}
