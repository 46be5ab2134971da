package transport

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// flushEvery bounds how many messages are written before a flush.
const flushEvery = 512

// streamWriter is one stream to a peer: a queue, and at most one connection that is served from it. The peer opens the
// connection; a newer one takes the place of an older one.
type streamWriter struct {
	p     *peer
	queue chan *raftpb.Message
	on    atomic.Bool

	serving sync.Mutex // held by the one who serves
	mu      sync.Mutex // guards stop
	stop    context.CancelFunc
}

func newStreamWriter(p *peer) *streamWriter {
	return &streamWriter{p: p, queue: make(chan *raftpb.Message, streamQueueMax)}
}

// attached tells whether a connection is served.
func (s *streamWriter) attached() bool { return s.on.Load() }

// serve writes messages to w until the connection or the peer ends, or a newer connection comes.
func (s *streamWriter) serve(ctx context.Context, w http.ResponseWriter, newEncoder func(io.Writer) encoder) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.p.ctx, cancel)()

	s.mu.Lock()
	if s.stop != nil {
		s.stop()
	}
	s.stop = cancel
	s.mu.Unlock()

	s.serving.Lock()
	defer s.serving.Unlock()
	if ctx.Err() != nil {
		return
	}
	s.on.Store(true)
	defer s.detach()

	conn := http.NewResponseController(w)
	buffered := bufio.NewWriterSize(w, 64<<10)
	enc := newEncoder(buffered)
	flush := func() error {
		if err := buffered.Flush(); err != nil {
			return err
		}
		return conn.Flush()
	}
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	for {
		var m *raftpb.Message
		select {
		case <-ctx.Done():
			return
		case m = <-s.queue:
		case <-heartbeat.C:
			m = linkHeartbeat()
		}
		// The deadline is the only way out of a connection whose other end doesn't read. A server that can't set one is
		// left to TCP.
		start := time.Now()
		_ = conn.SetWriteDeadline(start.Add(ioTimeout))
		n, appends, err := s.writeSome(enc, m)
		if err == nil {
			err = flush()
		}
		if err != nil {
			s.p.t.lg.Warn("lost TCP streaming connection with remote peer", "remote_peer_id", hexID(s.p.id), "error", err)
			if appends > 0 {
				s.p.follower.failed()
			}
			s.p.failed()
			return
		}
		s.p.written(appends, n, time.Since(start))
	}
}

// writeSome encodes m and what else waits. It returns the bytes, and how many of the messages were appends.
func (s *streamWriter) writeSome(enc encoder, m *raftpb.Message) (n, appends int, err error) {
	for range flushEvery {
		size, err := enc.encode(m)
		n += size
		if m.GetType() == raftpb.MsgApp {
			appends++
		}
		if err != nil {
			return n, appends, err
		}
		select {
		case m = <-s.queue:
		default:
			return n, appends, nil
		}
	}
	if m.GetType() == raftpb.MsgApp {
		appends++
	}
	size, err := enc.encode(m)
	return n + size, appends, err
}

// detach stops new messages from coming and drops what waits.
func (s *streamWriter) detach() {
	s.on.Store(false)
	dropped := false
	for {
		select {
		case <-s.queue:
			dropped = true
			continue
		default:
		}
		break
	}
	if dropped {
		s.p.failed()
	}
}
