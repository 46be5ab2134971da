package workload

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/bench/driver"
)

// The keys of leases stand apart from those of other operations, which are digits.
const (
	leasedKeys = "leased/"
	sampleKeys = "sample/"
)

// Leases are leases with a key each that end together.
type Leases struct {
	Data
}

// Grant makes count leases that end at that instant, rounded to what is left of it in whole seconds when each is asked for, and puts a
// key to each. Those that are numbered from 0 are a sample, whose keys do not count.
func (l *Leases) Grant(ctx context.Context, conns []Conn, clients int, first, count uint64, end time.Time) error {
	prefix := leasedKeys
	if first == 0 {
		prefix = sampleKeys
	}
	granters, err := each(conns, clients, func(_ int, conn Conn) (driver.Client, error) {
		return &granter{data: l.Data, conn: conn, prefix: prefix, end: end}, nil
	})
	if err != nil {
		return err
	}
	res := driver.Run(ctx, granters, driver.Load{First: first, Ops: count})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("workload: grant leases: %w", err)
	}
	if len(res.Errors) > 0 {
		return fmt.Errorf("workload: grant leases: %v", res.Errors)
	}
	return nil
}

// granter makes a lease and its key per operation.
type granter struct {
	data   Data
	conn   Conn
	prefix string
	end    time.Time
}

func (g *granter) Do(ctx context.Context, n uint64) error {
	left := int64(math.Round(time.Until(g.end).Seconds()))
	if left < 2 {
		return fmt.Errorf("%w: the leases end before all are granted", ErrParameters)
	}
	lease, err := pb.NewLeaseClient(g.conn).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: left})
	if err != nil {
		return err
	}
	if lease.TTL != left {
		return fmt.Errorf("%w: a lease of %d seconds instead of %d", ErrAnswer, lease.TTL, left)
	}
	put := g.data.newPut()
	g.data.Values.Fill(put.Value, n)
	put.Key, put.Lease = strconv.AppendUint([]byte(g.prefix), n, 10), lease.ID
	_, err = pb.NewKVClient(g.conn).Put(ctx, put)
	return err
}

// all is the range of the leases' keys.
func (l *Leases) all() (key, end []byte) {
	end = []byte(leasedKeys)
	end[len(end)-1]++
	return []byte(leasedKeys), end
}

// Left counts the keys.
func (l *Leases) Left(ctx context.Context, conn Conn) (int64, error) {
	key, end := l.all()
	resp, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: key, RangeEnd: end, CountOnly: true})
	if err != nil {
		return 0, fmt.Errorf("workload: count keys of leases: %w", err)
	}
	return resp.Count, nil
}

// Deletions watches the keys; the channel gets nil once exactly count of them are deleted, or what went wrong. The watch is there when
// Deletions returns, and ends with ctx.
func (l *Leases) Deletions(ctx context.Context, conn Conn, count uint64) (<-chan error, error) {
	key, end := l.all()
	stream, err := pb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		return nil, fmt.Errorf("workload: watch keys of leases: %w", err)
	}
	err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: key, RangeEnd: end},
	}})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		return nil, fmt.Errorf("workload: watch keys of leases: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		deleted := make(map[string]bool)
		for uint64(len(deleted)) < count {
			resp, err := stream.Recv()
			if err != nil {
				done <- fmt.Errorf("workload: watch keys of leases: %w", err)
				return
			}
			for _, ev := range resp.Events {
				if ev.Type != mvccpb.DELETE || deleted[string(ev.Kv.Key)] {
					done <- fmt.Errorf("%w: %v of %q instead of its one deletion", ErrAnswer, ev.Type, ev.Kv.Key)
					return
				}
				deleted[string(ev.Kv.Key)] = true
			}
		}
		done <- nil
	}()
	return done, nil
}
