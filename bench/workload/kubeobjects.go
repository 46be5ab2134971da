package workload

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// objects are the objects of one resource, written as the apiserver writes: each write holds only if the object is as it was read.
type objects struct {
	values    Values
	sizes     [2]int // smallest and largest
	key       func(uint64) []byte
	stored    *atomic.Int64
	events    *atomic.Int64 // counts writes; may be nil
	revisions sync.Map      // number -> int64, where the object was last written
}

// stampSize is the room at an object's end for the instant at which its write began.
const stampSize = 8

// create writes an object that is not there.
func (o *objects) create(ctx context.Context, conn Conn, i uint64) error {
	return o.write(ctx, conn, i, i, 0)
}

// update writes an object that is there. Another client may have written it meanwhile: then it is read and tried again.
func (o *objects) update(ctx context.Context, conn Conn, i, n uint64) error {
	revision, ok := o.revisions.Load(i)
	if !ok {
		return fmt.Errorf("%w: object %d was never created: creation lags far behind", ErrAnswer, i)
	}
	return o.write(ctx, conn, i, n, revision.(int64))
}

// write puts the object if it was last written at that revision.
func (o *objects) write(ctx context.Context, conn Conn, i, n uint64, revision int64) error {
	key, value := o.key(i), o.value(i, n)
	for {
		resp, err := o.guarded(ctx, conn, key, revision,
			&pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: value}}})
		if err != nil {
			return err
		}
		if resp.Succeeded {
			o.revisions.Store(i, resp.Header.GetRevision())
			o.count(len(key) + len(value))
			return nil
		}
		if revision, err = found(resp, revision); err != nil {
			return err
		}
	}
}

// delete removes an object that is there.
func (o *objects) delete(ctx context.Context, conn Conn, i uint64) error {
	known, ok := o.revisions.Load(i)
	if !ok {
		return fmt.Errorf("%w: object %d was never created: creation lags far behind", ErrAnswer, i)
	}
	key, revision := o.key(i), known.(int64)
	for {
		resp, err := o.guarded(ctx, conn, key, revision,
			&pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: key}}})
		if err != nil {
			return err
		}
		if resp.Succeeded {
			o.revisions.Delete(i)
			o.count(0)
			return nil
		}
		if revision, err = found(resp, revision); err != nil {
			return err
		}
	}
}

// guarded does one thing if the key was last written at that revision, and else reads it.
func (o *objects) guarded(ctx context.Context, conn Conn, key []byte, revision int64, then *pb.RequestOp) (*pb.TxnResponse, error) {
	return pb.NewKVClient(conn).Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: revision}}},
		Success: []*pb.RequestOp{then},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}},
	})
}

// found takes from the answer to a write that did not hold where the object was last written.
func found(resp *pb.TxnResponse, expected int64) (int64, error) {
	kvs := resp.Responses[0].GetResponseRange().GetKvs()
	if len(kvs) != 1 || kvs[0].ModRevision <= expected || expected == 0 {
		return 0, fmt.Errorf("%w: an object is not as it was left at revision %d: %d of them", ErrAnswer, expected, len(kvs))
	}
	return kvs[0].ModRevision, nil
}

// value is what an object holds after write n of it; it ends with the instant at which the write began.
func (o *objects) value(i, n uint64) []byte {
	size := uint64(o.sizes[0])
	if span := uint64(o.sizes[1] - o.sizes[0]); span > 0 {
		size += mix(i) % span
	}
	value := make([]byte, size)
	o.values.Fill(value, mix(i)^n)
	binary.BigEndian.PutUint64(value[len(value)-stampSize:], uint64(time.Now().UnixNano()))
	return value
}

// count adds up what was written.
func (o *objects) count(bytes int) {
	o.stored.Add(int64(bytes))
	if o.events != nil {
		o.events.Add(1)
	}
}

// sharedLeases are leases for many events each.
type sharedLeases struct {
	mu  sync.Mutex
	ids map[uint64]int64
}

// get grants the lease of that number once.
func (l *sharedLeases) get(ctx context.Context, conn Conn, number uint64) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id, ok := l.ids[number]; ok {
		return id, nil
	}
	lease, err := pb.NewLeaseClient(conn).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: eventTTL})
	if err != nil {
		return 0, err
	}
	if l.ids == nil {
		l.ids = make(map[uint64]int64)
	}
	l.ids[number] = lease.ID
	return lease.ID, nil
}

// event creates one event, on a lease that it shares with others.
func (k *Kube) event(ctx context.Context, conn Conn, n uint64) error {
	lease, err := k.eventLeases.get(ctx, conn, n/eventsPerLease)
	if err != nil {
		return err
	}
	key := fmt.Appendf(nil, "/registry/events/ns-%04d/web-frontend.%016x", mix(n)%100, n)
	put := &pb.PutRequest{Key: key, Value: make([]byte, eventObject), Lease: lease}
	Values{Kind: Pod, Seed: k.Seed}.Fill(put.Value, n)
	if _, err = pb.NewKVClient(conn).Put(ctx, put); err != nil {
		return err
	}
	k.stored.Add(int64(len(put.Key) + len(put.Value)))
	return nil
}
