package workload

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
)

// watchValueMin is the room for the number of the put in an event's value.
const watchValueMin = 8

// Watch puts a key per operation; the operation ends when every watcher of the key has its event. The
// single events are measured apart, from the put's start and from its answer.
type Watch struct {
	Data
	Streams  int  // watch streams
	Watchers int  // over all streams
	PerKey   bool // each watches one key, all keys as many; else each watches all keys

	deliveries
}

// Prepare checks that a value can say which put it is of, and that every put causes as many events.
func (w *Watch) Prepare(context.Context, []Conn) error {
	if w.Values.Size < watchValueMin {
		return fmt.Errorf("%w: a watched value has at least %d bytes", ErrParameters, watchValueMin)
	}
	if w.Streams < 1 || w.Watchers < 1 || w.Watchers%w.Streams != 0 {
		return fmt.Errorf("%w: %d watchers on %d streams", ErrParameters, w.Watchers, w.Streams)
	}
	if w.PerKey && uint64(w.Watchers)%w.Keys.Space != 0 {
		return fmt.Errorf("%w: %d watchers of %d keys", ErrParameters, w.Watchers, w.Keys.Space)
	}
	return nil
}

// Units implements Watching.
func (w *Watch) Units() int {
	if w.PerKey {
		return w.Watchers / int(w.Keys.Space)
	}
	return w.Watchers
}

// Stored implements Storing.
func (w *Watch) Stored() int { return w.PairSize() }

// Clients opens the watch streams and makes the clients that put.
func (w *Watch) Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error) {
	w.begin()
	perStream := w.Watchers / w.Streams
	for i := range w.Streams {
		if err := w.open(ctx, conns[i%len(conns)], i*perStream, perStream); err != nil {
			return nil, fmt.Errorf("workload: open a watch stream: %w", err)
		}
	}
	return each(conns, count, func(_ int, conn Conn) (driver.Client, error) {
		return &watchedPutClient{w: w, conn: conn, req: w.newPut()}, nil
	})
}

// open creates one stream with the watchers from the first on, waits until they are there, and starts reading.
func (w *Watch) open(ctx context.Context, conn Conn, first, count int) error {
	stream, err := pb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		return err
	}
	keys := make(map[int64][]byte) // by watch id; nil for all keys
	// A watcher that is not there yet does not keep the next from being asked for, but no more than this many at a time:
	// a server that reads nothing while it answers would block both.
	const ahead = 100
	for done := 0; done < count; {
		batch := min(ahead, count-done)
		for i := range batch {
			if err := stream.Send(w.create(first + done + i)); err != nil {
				return err
			}
		}
		for i := range batch {
			resp, err := stream.Recv()
			if err != nil {
				return err
			}
			if !resp.Created || resp.Canceled {
				return fmt.Errorf("%w: to a new watcher: %v", ErrAnswer, resp)
			}
			if w.PerKey {
				keys[resp.WatchId] = w.Keys.New(uint64(first+done+i) % w.Keys.Space)
			}
		}
		done += batch
	}
	go w.read(ctx, stream, keys)
	return nil
}

// create asks for the watcher of that number.
func (w *Watch) create(number int) *pb.WatchRequest {
	create := &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}}
	if w.PerKey {
		create = &pb.WatchCreateRequest{Key: w.Keys.New(uint64(number) % w.Keys.Space)}
	}
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}
}

// read takes events until the stream ends.
func (w *Watch) read(ctx context.Context, stream pb.Watch_WatchClient, keys map[int64][]byte) {
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
			if key := keys[resp.WatchId]; w.PerKey && !bytes.Equal(key, ev.Kv.Key) || len(ev.Kv.Value) < watchValueMin {
				w.surplus.Add(1)
				continue
			}
			w.arrived(binary.BigEndian.Uint64(ev.Kv.Value), start, answer)
		}
	}
}

// watchedPutClient puts and waits for the events.
type watchedPutClient struct {
	w    *Watch
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
