package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

const (
	// leaseTTL is what leases are granted for, in seconds: the shortest that outlives an election.
	leaseTTL = 2
	// leaseLateMax is how long after its time a lease may still be there, in a cluster that has recovered. A new leader
	// gives every lease its full time again.
	leaseLateMax = 10 * time.Second
	// renewalsMax is how often a lease is renewed at most.
	renewalsMax = 3
)

// tenant is a key that a lease holds, as one knows by answers.
type tenant struct {
	key   string
	lease int64
	// safe is until when the key must be there: its time to live after the last renewal that was answered was asked for.
	safe time.Time
}

// tenants are keys under leases, of which most are renewed for a while: none may go before its time, by any clock, and none
// may stay. It belongs to one goroutine.
type tenants struct {
	conns  []*grpc.ClientConn
	rng    *rand.Rand
	prefix string // of the keys, within the epoch's
	began  time.Time

	ops    []Operation // the writes, for the history
	latest time.Time   // by when the last lease has ended
	known  int         // leases that were granted and whose keys were written
	errs   []error
}

// newTenants begins with no lease.
func newTenants(conns []*grpc.ClientConn, prefix string, began time.Time, seed uint64) *tenants {
	return &tenants{conns: conns, rng: rand.New(rand.NewPCG(seed, 2000)), prefix: prefix + "leased/", began: began}
}

// run holds one key after another until ctx ends.
func (l *tenants) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		if t, ok := l.move(fmt.Sprintf("%s%04d", l.prefix, i)); ok {
			l.known++
			l.stay(ctx, t)
		}
		if !wait(ctx, retryPause) {
			return
		}
	}
}

// member is a random one.
func (l *tenants) member() *grpc.ClientConn { return l.conns[l.rng.IntN(len(l.conns))] }

// move grants a lease and writes a key under it; false when it is not known whether both happened.
func (l *tenants) move(key string) (*tenant, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	asked := time.Now()
	granted, err := pb.NewLeaseClient(l.member()).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: leaseTTL})
	if err != nil {
		l.extend(asked.Add(operationTimeout), leaseTTL)
		return nil, false
	}
	t := &tenant{key: key, lease: granted.ID}
	l.renewed(t, asked, granted.TTL)
	op := Operation{Kind: Put, Key: key, Value: key, Call: time.Since(l.began)}
	resp, err := pb.NewKVClient(l.member()).Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(key), Lease: granted.ID})
	op.Return, op.Known = time.Since(l.began), err == nil
	op.Answer.Revision = resp.GetHeader().GetRevision()
	l.ops = append(l.ops, op)
	return t, err == nil
}

// renewed notes an answer to a request of the given time.
func (l *tenants) renewed(t *tenant, asked time.Time, ttl int64) {
	t.safe = asked.Add(time.Duration(ttl) * time.Second)
	l.extend(time.Now(), ttl)
}

// extend notes that a lease may last for its time to live from now on.
func (l *tenants) extend(from time.Time, ttl int64) {
	if end := from.Add(time.Duration(ttl) * time.Second); end.After(l.latest) {
		l.latest = end
	}
}

// stay reads the key again and again, renewing its lease now and then.
func (l *tenants) stay(ctx context.Context, t *tenant) {
	renewals := l.rng.IntN(renewalsMax + 1)
	for ctx.Err() == nil {
		if renewals > 0 && l.rng.IntN(3) == 0 {
			renewals--
			if !l.renew(t) {
				return
			}
		}
		if !l.look(t) || !wait(ctx, randomUpTo(l.rng, 300*time.Millisecond)) {
			return
		}
	}
}

// look reads the key: an answer that came while the lease lasts must have it. False when it is gone.
func (l *tenants) look(t *tenant) bool {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	resp, err := pb.NewKVClient(l.member()).Range(ctx, &pb.RangeRequest{Key: []byte(t.key)})
	if err != nil || len(resp.Kvs) > 0 {
		return true
	}
	if early := time.Until(t.safe); early > 0 {
		l.errs = append(l.errs, fmt.Errorf("%w: %s, of lease %x, is gone %v before its time: %v", ErrLease, t.key, t.lease, early, resp.Header))
	}
	return false
}

// renew asks once for the lease's full time; false when the server says that the lease has ended.
func (l *tenants) renew(t *tenant) bool {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	asked := time.Now()
	l.extend(asked.Add(operationTimeout), leaseTTL) // it may be done without an answer
	stream, err := pb.NewLeaseClient(l.member()).LeaseKeepAlive(ctx)
	if err == nil {
		err = stream.Send(&pb.LeaseKeepAliveRequest{ID: t.lease})
	}
	if err != nil {
		return true
	}
	resp, err := stream.Recv()
	switch {
	case err != nil:
	case resp.TTL > 0:
		l.renewed(t, asked, resp.TTL)
	default:
		if early := time.Until(t.safe); early > 0 {
			l.errs = append(l.errs, fmt.Errorf("%w: lease %x has ended %v before its time", ErrLease, t.lease, early))
		}
		return false
	}
	return true
}

// awaitEnd waits until every lease has ended, which must not take for ever.
func (l *tenants) awaitEnd(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, later(l.latest, time.Now()).Add(leaseLateMax))
	defer cancel()
	for {
		resp, err := pb.NewKVClient(l.conns[0]).Range(ctx, &pb.RangeRequest{Key: []byte(l.prefix), RangeEnd: []byte(endOf(l.prefix)), Limit: 3})
		if err == nil && len(resp.Kvs) == 0 {
			return nil
		}
		if !wait(ctx, 50*time.Millisecond) {
			if err == nil {
				return fmt.Errorf("%w: keys outlive their leases by %v: %v", ErrLease, leaseLateMax, resp.Kvs)
			}
			return fmt.Errorf("%w: read keys with leases: %w", ErrUnhealthy, err)
		}
	}
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// expired marks the deletes that leases made, which nobody asked for.
func (l *tenants) expired(events []Event) []Event {
	marked := make([]Event, len(events))
	for i, e := range events {
		e.Expired = e.Delete && strings.HasPrefix(e.Key, l.prefix)
		marked[i] = e
	}
	return marked
}
