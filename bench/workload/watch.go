package workload

import (
	"context"
	"encoding/binary"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// watchValueMin is the room for the number of the put in an event's value.
const watchValueMin = 8

// WatchLatency puts a key per operation; the operation ends when every watcher has its event. The
// single events are measured apart, from the put's start and from its answer.
type WatchLatency struct {
	Data
	Streams  int // watch streams
	Watchers int // watchers on each stream, each of all keys

	deliveries
}

// Prepare checks that a value can say which put it is of.
func (w *WatchLatency) Prepare(context.Context, []Conn) error {
	if w.Values.Size < watchValueMin {
		return fmt.Errorf("%w: a watched value has at least %d bytes", ErrParameters, watchValueMin)
	}
	if w.Streams < 1 || w.Watchers < 1 {
		return fmt.Errorf("%w: no watchers", ErrParameters)
	}
	return nil
}

// Clients opens the watch streams and makes the clients that put.
func (w *WatchLatency) Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error) {
	w.begin()
	for i := range w.Streams {
		if err := w.open(ctx, conns[i%len(conns)]); err != nil {
			return nil, fmt.Errorf("workload: open a watch stream: %w", err)
		}
	}
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		return &watchedPutClient{w: w, conn: conn, req: w.newPut()}, nil
	})
}

// open creates one stream with its watchers, waits until they are there, and starts reading.
func (w *WatchLatency) open(ctx context.Context, conn Conn) error {
	stream, err := pb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		return err
	}
	create := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}},
	}}
	for range w.Watchers {
		if err := stream.Send(create); err != nil {
			return err
		}
	}
	for range w.Watchers {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		if !resp.Created || resp.Canceled {
			return fmt.Errorf("%w: to a new watcher: %v", ErrAnswer, resp)
		}
	}
	go w.read(ctx, stream)
	return nil
}

// read takes events until the stream ends.
func (w *WatchLatency) read(ctx context.Context, stream pb.Watch_WatchClient) {
	start, answer := w.sinceStart.Recorder(), w.sinceAnswer.Recorder()
	var resp pb.WatchResponse
	for {
		err := stream.RecvMsg(&resp)
		if err == nil && resp.Canceled {
			err = fmt.Errorf("%w: watcher canceled: %s", ErrAnswer, resp.CancelReason)
		}
		if err != nil {
			w.fail(ctx, err)
			return
		}
		for _, ev := range resp.Events {
			if len(ev.Kv.Value) >= watchValueMin {
				w.arrived(binary.BigEndian.Uint64(ev.Kv.Value), start, answer)
			}
		}
	}
}

// Units is the number of events per put.
func (w *WatchLatency) Units() int { return w.Streams * w.Watchers }

// watchedPutClient puts and waits for the events.
type watchedPutClient struct {
	w    *WatchLatency
	conn Conn
	req  *pb.PutRequest
	resp pb.PutResponse
}

func (c *watchedPutClient) Do(ctx context.Context, n uint64) error {
	c.w.fillPut(c.req, c.w.Keys.Index(n), n)
	binary.BigEndian.PutUint64(c.req.Value, n)
	return c.w.write(ctx, n, c.w.Units(), func() error {
		return c.conn.Invoke(ctx, pb.KV_Put_FullMethodName, c.req, &c.resp)
	})
}
