package api

import (
	"context"
	"errors"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/petcd/petcd/storage/watch"
)

// watchService is etcdserverpb.Watch.
type watchService struct {
	*Server
	pb.UnsafeWatchServer
}

// Watch serves all the watches of one client stream: this goroutine sends what
// they are given, a second one answers what the client asks. It ends with the
// client, with its leader if it asked for one, or with the server; a stream
// whose client only closed its own side goes on.
func (s *watchService) Watch(stream pb.Watch_WatchServer) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	w := &watchStream{
		Server: s.Server,
		ctx:    ctx,
		send:   s.metrics.watches.timed(stream.Send),
		group:  s.replica.Store().NewWatchGroup(),
		byID:   map[int64]*watchState{},
		byKey:  map[int64]*watchState{},
	}
	defer w.group.Close()
	go func() {
		// Not the handler's part: while this goroutine waits for a client that does not read, it holds the lock that
		// close takes, and only the handler's return ends that.
		defer w.close()
		if err := w.receive(stream); err != nil {
			s.streamFailed(ctx, err, s.metrics.watchReceiveFailures, "failed to receive watch request from gRPC stream")
			cancel(err)
		}
		<-ctx.Done() // a client that only closed its own side is still sent to
	}()
	err := w.deliver(ctx)
	if errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	cancel(nil)
	if errors.Is(err, context.Canceled) || errors.Is(err, watch.ErrClosed) {
		return rpctypes.ErrGRPCWatchCanceled
	}
	return wire(err)
}

// receive handles the client's requests until the stream fails. The end of the
// client's side alone is no failure.
func (w *watchStream) receive(stream pb.Watch_WatchServer) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.handle(r); err != nil {
			return err
		}
	}
}

// deliver sends what the watches are given until the stream ends.
func (w *watchStream) deliver(ctx context.Context) error {
	for {
		d, err := w.group.Next(ctx)
		if err != nil {
			return err
		}
		if err := w.sendDelivery(d); err != nil {
			w.streamFailed(ctx, err, w.metrics.watchSendFailures, "failed to send watch response to gRPC stream")
			return err
		}
	}
}

// progressInterval is the time between two progress notifications of a
// stream. The jitter of a tenth keeps streams that were opened together apart.
func (w *watchStream) progressInterval() time.Duration {
	interval := w.watchProgressInterval
	return interval + w.jitter(interval/10)
}
