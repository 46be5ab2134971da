package rpc

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// stream is a call. All but the first fields are guarded by its connection's lock.
type stream struct {
	conn   *conn
	id     uint32
	head   *head
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer // ends the stream at the call's time limit; nil if it has none

	request message // a unary call's, whole; its handler's from start on

	ended   bool // the client sends nothing more
	started bool // the handler is called, and has not returned
	zombie  bool // nor had it when the stream was over
	over    bool
	in      inbox
	outbox
}

// opened does what a whole header block asks for.
func (c *conn) opened() error {
	b := &c.block
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[b.id]; s != nil {
		return c.trailers(s)
	}
	switch {
	case b.id%2 == 0:
		return violates(http2.ErrCodeProtocol, "a client opened a stream with an even number")
	case b.id <= c.lastID:
		return violates(http2.ErrCodeStreamClosed, "HEADERS for a stream that is closed")
	case c.refusing || c.cause != nil:
		return c.countIdle() // its client opened it before it knew
	}
	c.lastID = b.id
	var code http2.ErrCode
	switch {
	case b.itself:
		code = http2.ErrCodeProtocol
	case b.tooLarge:
		code = http2.ErrCodeFrameSize
	case uint32(len(c.streams)) >= c.server.options.StreamsMax || c.zombies >= c.limits.zombies:
		code = http2.ErrCodeRefusedStream
	default:
		fields, limit, limited := withoutTimeout(b.fields)
		if h := c.headOf(fields); !h.malformed {
			c.begin(h, limit, limited)
			return nil
		}
		code = http2.ErrCodeProtocol
	}
	c.sendReset(b.id, code)
	return c.countIdle()
}

// trailers takes a second header block, which can only end what the client sends. gRPC has nothing to say in it.
func (c *conn) trailers(s *stream) error {
	switch {
	case s.ended:
		c.resetLocked(s.id, http2.ErrCodeStreamClosed)
	case !c.block.ended || !wellFormedTrailers(c.block.fields):
		c.resetLocked(s.id, http2.ErrCodeProtocol)
	default:
		s.endOfRequests()
	}
	return nil
}

// begin makes a stream.
func (c *conn) begin(h *head, limit string, limited bool) {
	s := &stream{conn: c, id: c.block.id, head: h, ended: c.block.ended}
	s.in.window = windowStart
	s.window = c.streamWindow
	refusal, code := h.refusal, h.refusalsHTTP
	var timeout time.Duration
	if limited && (refusal == nil || code == http.StatusOK) {
		var err error
		if timeout, err = timeoutOf(limit); err != nil {
			refusal, code = status.Newf(codes.Internal, "malformed grpc-timeout: %v", err), http.StatusBadRequest
		} else if timeout <= 0 {
			refusal, code = status.New(codes.DeadlineExceeded, context.DeadlineExceeded.Error()), http.StatusOK
		}
	}
	if refusal != nil {
		c.sendRefusal(s, code, refusal)
		return
	}
	if limited {
		s.ctx, s.cancel = context.WithTimeout(h.ctx, timeout)
		s.timer = time.AfterFunc(timeout, s.expire)
	} else {
		s.ctx, s.cancel = context.WithCancel(h.ctx)
	}
	s.ctx = grpc.NewContextWithServerTransportStream(s.ctx, (*transportStream)(s))
	c.streams[s.id] = s
	if h.method.unary == nil {
		s.start()
	} else if s.ended {
		s.endOfRequests()
	}
}

// withoutTimeout takes a call's time limit out of its fields, which then can be compared to those of others.
func withoutTimeout(fields []hpack.HeaderField) (rest []hpack.HeaderField, limit string, limited bool) {
	rest = fields[:0]
	for _, f := range fields {
		if f.Name == "grpc-timeout" {
			limit, limited = f.Value, true
			continue
		}
		rest = append(rest, f)
	}
	return rest, limit, limited
}

// endOfRequests notes that the client sends nothing more. A unary call, whose request is whole now, is made.
func (s *stream) endOfRequests() {
	s.ended = true
	s.in.news()
	if s.head.method.unary == nil || s.in.refused != nil {
		return
	}
	switch {
	case s.in.have > 0:
		s.conn.sendEnd(s, statusCut)
	case len(s.in.messages) == 0:
		s.conn.sendEnd(s, statusNoRequest)
	default:
		s.request, s.in.messages = s.in.messages[0], nil
		s.release(s.in.held)
		s.start()
	}
}

// start has the handler called.
func (s *stream) start() {
	s.started = true
	s.conn.server.running.Add(1)
	s.conn.server.workers.run(s)
}

// run calls the handler; a worker does it.
func (s *stream) run() {
	defer s.conn.server.running.Done()
	if s.head.method.unary != nil {
		s.answer()
	} else {
		s.serve()
	}
}

// returned notes that the handler is done.
func (s *stream) returned() {
	s.started = false
	if s.zombie {
		s.conn.zombies--
	}
}

// expire ends the stream at its time limit, whatever its handler does.
func (s *stream) expire() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.conn.streams[s.id] == s {
		s.conn.resetLocked(s.id, http2.ErrCodeCancel)
		s.conn.in.idle-- // the client's own reset is likely to cross this one
	}
}

// forget ends a stream: nothing of it is sent or received any more, and what it held is free.
func (c *conn) forget(s *stream) {
	if s.over {
		return
	}
	delete(c.streams, s.id)
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.cancel()
	s.dropInbox()
	s.dropOutbox()
	delete(c.crowd, s)
	if s.started {
		s.zombie = true
		c.zombies++
	}
	if len(c.streams) == 0 && c.refusing {
		c.finish()
	}
}

// gone is the error of what cannot be done because the stream is over.
func (s *stream) gone() error {
	if err := s.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return status.FromContextError(context.Canceled).Err()
}

// transportStream is a stream as grpc.SetHeader and the like see it.
type transportStream stream

// Method is the call's path.
func (t *transportStream) Method() string { return t.head.method.path }

// SetHeader adds to what is sent before the first message.
func (t *transportStream) SetHeader(md metadata.MD) error { return (*stream)(t).setHeader(md) }

// SendHeader sends that.
func (t *transportStream) SendHeader(md metadata.MD) error { return (*stream)(t).sendHeader(md) }

// SetTrailer adds to what is sent after the last message.
func (t *transportStream) SetTrailer(md metadata.MD) error {
	t.conn.mu.Lock()
	defer t.conn.mu.Unlock()
	t.trailer = metadata.Join(t.trailer, md)
	return nil
}
