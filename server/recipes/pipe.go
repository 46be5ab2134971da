package recipes

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc/metadata"
)

// pipe is one stream on a Channel. Messages change hands one at a time, so when
// the handler has ended the client has all that it sent.
type pipe struct {
	ctx      context.Context
	requests chan any
	replies  chan any
	half     sync.Once // closes requests

	ended chan struct{}
	err   error // why the handler ended; io.EOF if it did without an error. Read after ended.
}

// clientEnd is the caller's end of a pipe.
type clientEnd pipe

// Context is the stream's.
func (p *clientEnd) Context() context.Context { return p.ctx }

// Header has nothing: services of the same process send no metadata.
func (p *clientEnd) Header() (metadata.MD, error) { return nil, nil }

// Trailer has nothing, as Header.
func (p *clientEnd) Trailer() metadata.MD { return nil }

// CloseSend tells the handler that no request follows.
func (p *clientEnd) CloseSend() error {
	p.half.Do(func() { close(p.requests) })
	return nil
}

// SendMsg hands a request over. io.EOF says that the handler has ended; RecvMsg
// says why.
func (p *clientEnd) SendMsg(m any) error {
	select {
	case p.requests <- m:
		return nil
	case <-p.ended:
		return io.EOF
	case <-p.ctx.Done():
		return asStatus(p.ctx.Err())
	}
}

// RecvMsg waits for a reply.
func (p *clientEnd) RecvMsg(m any) error {
	select {
	case reply := <-p.replies:
		return copyMessage(m, reply)
	case <-p.ended:
		return p.err
	case <-p.ctx.Done():
		return asStatus(p.ctx.Err())
	}
}

// serverEnd is the handler's end of a pipe.
type serverEnd pipe

// Context is the stream's: the caller's.
func (p *serverEnd) Context() context.Context { return p.ctx }

// SetHeader drops metadata: nobody reads it.
func (p *serverEnd) SetHeader(metadata.MD) error { return nil }

// SendHeader drops metadata, as SetHeader.
func (p *serverEnd) SendHeader(metadata.MD) error { return nil }

// SetTrailer drops metadata, as SetHeader.
func (p *serverEnd) SetTrailer(metadata.MD) {}

// SendMsg hands a reply over.
func (p *serverEnd) SendMsg(m any) error {
	select {
	case p.replies <- m:
		return nil
	case <-p.ctx.Done():
		return asStatus(p.ctx.Err())
	}
}

// RecvMsg waits for a request; io.EOF says that none follows.
func (p *serverEnd) RecvMsg(m any) error {
	select {
	case request, ok := <-p.requests:
		if !ok {
			return io.EOF
		}
		return copyMessage(m, request)
	case <-p.ctx.Done():
		return asStatus(p.ctx.Err())
	}
}
