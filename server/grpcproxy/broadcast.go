package grpcproxy

import (
	"bytes"
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// subject is what a watch of the cluster watches, and in whose name. Watches
// of the same subject can share one.
type subject struct {
	key, end      string
	noPut, noDel  bool
	prevKV        bool
	token         string
	authorization string
	requireLeader bool
}

// broadcast is one watch of the cluster and who shares it. All fields are the
// hub's, under its lock.
type broadcast struct {
	subject  subject
	next     int64 // the revision it has delivered everything before
	watchers map[*watcher]struct{}
	cancel   context.CancelFunc
}

// watcher is one watch of a client.
type watcher struct {
	stream   *watchStream
	id       int64
	subject  subject
	next     int64 // the first revision it is still to get
	progress bool  // it asked for progress notifications

	on *broadcast // the hub's
}

// deliver gives one answer of the cluster to all who share it.
func (b *broadcast) deliver(resp *clientv3.WatchResponse, strip int) {
	events := make([]*mvccpb.Event, len(resp.Events))
	for i, e := range resp.Events {
		events[i] = stripped(e, strip)
	}
	notify := resp.IsProgressNotify()
	switch {
	case len(events) > 0:
		b.next = max(b.next, events[len(events)-1].Kv.ModRevision+1)
	case notify:
		b.next = max(b.next, resp.Header.Revision+1)
	default:
		return
	}
	for w := range b.watchers {
		if notify {
			if w.progress {
				w.stream.send(&pb.WatchResponse{Header: resp.Header, WatchId: w.id})
			}
			w.stream.reached(w, resp.Header.Revision)
			continue
		}
		if due := since(events, w.next); len(due) > 0 {
			w.stream.send(&pb.WatchResponse{Header: resp.Header, WatchId: w.id, Events: due})
		}
		w.next = max(w.next, b.next)
	}
}

// since is the tail of events, which are in order, from a revision on.
func since(events []*mvccpb.Event, revision int64) []*mvccpb.Event {
	for len(events) > 0 && events[0].Kv.ModRevision < revision {
		events = events[1:]
	}
	return events
}

// stripped is an event without the first n bytes of its keys: the namespace.
// The client library owns e.
func stripped(e *mvccpb.Event, n int) *mvccpb.Event {
	if n == 0 {
		return e
	}
	return &mvccpb.Event{Type: e.Type, Kv: strippedKV(e.Kv, n), PrevKv: strippedKV(e.PrevKv, n)}
}

func strippedKV(kv *mvccpb.KeyValue, n int) *mvccpb.KeyValue {
	if kv == nil {
		return nil
	}
	return &mvccpb.KeyValue{
		Key: kv.Key[min(n, len(kv.Key)):], Value: kv.Value, Lease: kv.Lease,
		CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision, Version: kv.Version,
	}
}

// inside puts a key range into a namespace.
func inside(namespace string, key, end []byte) (k, e []byte) {
	if namespace == "" {
		return key, end
	}
	k = append([]byte(namespace), key...)
	switch {
	case len(end) == 0:
		return k, nil
	case bytes.Equal(end, []byte{0}): // all keys from key on
		return k, []byte(clientv3.GetPrefixRangeEnd(namespace))
	}
	return k, append([]byte(namespace), end...)
}
