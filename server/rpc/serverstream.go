package rpc

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// serverStream is a stream as its handler sees it. One goroutine may receive and one may send.
type serverStream struct {
	*stream
	received bool // a message, owned by who receives
}

var _ grpc.ServerStream = (*serverStream)(nil)

// info tells an interceptor about a method.
func (m *method) info() *grpc.StreamServerInfo {
	return &grpc.StreamServerInfo{FullMethod: m.path, IsClientStream: m.stream.ClientStreams, IsServerStream: m.stream.ServerStreams}
}

// Context is the call's.
func (s *serverStream) Context() context.Context { return s.ctx }

// SetHeader adds to what is sent before the first message.
func (s *serverStream) SetHeader(md metadata.MD) error { return s.setHeader(md) }

// SendHeader sends that.
func (s *serverStream) SendHeader(md metadata.MD) error { return s.sendHeader(md) }

// SetTrailer adds to what is sent after the last message.
func (s *serverStream) SetTrailer(md metadata.MD) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.trailer = metadata.Join(s.trailer, md)
}

// SendMsg sends a message. It waits while the one before has not left.
func (s *serverStream) SendMsg(v any) error {
	m, err := s.encode(v)
	if err != nil {
		return s.fail(err)
	}
	return s.send(m, nil)
}

// RecvMsg waits for a message; io.EOF says that none follows. Where the client may send only one, it waits for the end, too.
func (s *serverStream) RecvMsg(into any) error {
	m, err := s.nextMessage()
	if errors.Is(err, io.EOF) && !s.received && !s.head.method.manyRequests() {
		err = statusNoRequest.Err()
	}
	if err == nil {
		s.received = true
		err = s.decode(m, into)
	}
	if err == nil && !s.head.method.manyRequests() {
		var more message
		if more, err = s.nextMessage(); errors.Is(err, io.EOF) {
			return nil
		} else if err == nil {
			more.free()
			err = statusRequests.Err()
		}
	}
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return s.fail(err)
}

// fail ends the stream with an error that is not the handler's.
func (s *serverStream) fail(err error) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.over && s.message.none() {
		c.sendEnd(s.stream, statusOf(err))
	}
	return err
}

// nextMessage takes the next message.
func (s *stream) nextMessage() (message, error) {
	c, in := s.conn, &s.in
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.over:
			return message{}, s.gone()
		case len(in.messages) > 0:
			m := in.messages[0]
			in.messages = in.messages[1:]
			s.release(prefixLen + int64(len(m.bytes())))
			s.widen()
			return m, nil
		case in.refused != nil:
			return message{}, in.refused.Err()
		case s.ended && in.have > 0:
			return message{}, statusCut.Err()
		case s.ended:
			return message{}, io.EOF
		}
		if in.wake == nil {
			in.wake = make(chan struct{}, 1)
		}
		wake := in.wake
		c.mu.Unlock()
		<-wake
		c.mu.Lock()
	}
}

// setHeader adds to what is sent before the first message.
func (s *stream) setHeader(md metadata.MD) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.headSent || s.over {
		return errHeaderSent
	}
	s.header = metadata.Join(s.header, md)
	return nil
}

// sendHeader sends that.
func (s *stream) sendHeader(md metadata.MD) error {
	if err := s.setHeader(md); err != nil {
		return err
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if !s.over {
		s.conn.sendHead(s)
	}
	return nil
}
