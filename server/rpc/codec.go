package rpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// decode fills a message in from its bytes, which are free after it.
func (s *stream) decode(m message, into any) error {
	defer m.free()
	p := m.bytes()
	if m.format > formatCompressed {
		return status.Errorf(codes.Internal, "grpc: received unexpected payload format %d", m.format)
	}
	if m.format == formatCompressed {
		var err error
		if p, err = s.decompress(p); err != nil {
			return err
		}
	}
	if c := s.conn.server.options.Received; c != nil {
		c.Add(float64(len(p)))
	}
	pm, ok := into.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "grpc: failed to unmarshal the received message: %T is no protobuf message", into)
	}
	if err := proto.Unmarshal(p, pm); err != nil {
		return status.Errorf(codes.Internal, "grpc: failed to unmarshal the received message: %v", err)
	}
	return nil
}

// decompress is a compressed message's content, no larger than a message may be.
func (s *stream) decompress(p []byte) ([]byte, error) {
	if s.head.compressor == nil {
		return nil, status.Error(codes.Internal, "grpc: compressed flag set with identity or empty encoding")
	}
	most := s.conn.server.options.MessageMax
	from, err := s.head.compressor.Decompress(bytes.NewReader(p))
	if err != nil {
		return nil, status.Errorf(codes.Internal, "grpc: failed to decompress the message: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
	if err != nil {
		return nil, status.Errorf(codes.Internal, "grpc: failed to read decompressed data: %v", err)
	}
	if len(out) > most {
		return nil, status.Errorf(codes.ResourceExhausted, "grpc: received message after decompression larger than max %d", most)
	}
	return out, nil
}

// encode makes a message with its prefix, an answer's or a stream's. The status of the error is the call's.
func (s *stream) encode(v any) (body, error) {
	if e, ok := v.(Encoder); ok {
		return s.encoded(e.Encoding())
	}
	pm, ok := v.(proto.Message)
	if !ok {
		return body{}, status.Errorf(codes.Internal, "grpc: error while marshaling: %T is no protobuf message", v)
	}
	size := proto.Size(pm)
	if size > messageMax {
		return body{}, errTooLarge(size)
	}
	buf := pool.Get(prefixLen + size)
	p, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend((*buf)[:prefixLen], pm)
	if err == nil && len(p) != prefixLen+size {
		err = fmt.Errorf("%T has changed meanwhile", v)
	}
	if err != nil {
		pool.Put(buf)
		return body{}, status.Errorf(codes.Internal, "grpc: error while marshaling: %v", err)
	}
	s.countSent(size)
	prefix(p, formatPlain, size)
	return s.asSent(body{first: buf}, size)
}

// encoded is encode for what is encoded.
func (s *stream) encoded(e *Encoded) (body, error) {
	size := e.Size()
	if size > messageMax {
		e.Free()
		return body{}, errTooLarge(size)
	}
	s.countSent(size)
	return s.asSent(e.body(formatPlain), size)
}

// errTooLarge refuses a message in grpc-go's words.
func errTooLarge(size int) error {
	return status.Errorf(codes.ResourceExhausted, "trying to send message larger than max (%d vs. %d)", size, math.MaxInt32)
}

// countSent counts a message's bytes, uncompressed.
func (s *stream) countSent(size int) {
	if c := s.conn.server.options.Sent; c != nil {
		c.Add(float64(size))
	}
}

// Formats of a message.
const (
	formatPlain      byte = 0
	formatCompressed byte = 1
)

// prefix writes what stands before a message of that size.
func prefix(p []byte, format byte, size int) {
	p[0] = format
	binary.BigEndian.PutUint32(p[1:], uint32(size))
}

// asSent is a message of that size as it is sent: compressed if the client's are. What is compressed of it is free.
func (s *stream) asSent(from body, size int) (body, error) {
	if s.head.compressor == nil || size == 0 {
		return from, nil
	}
	var out Encoded
	w, err := s.head.compressor.Compress(&out)
	for begin := prefixLen; err == nil && !from.none(); begin = 0 {
		_, err = w.Write((*from.first)[begin:])
		from.next()
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		from.free()
		size := out.Size()
		out.Free()
		if size > messageMax {
			return body{}, errTooLarge(size)
		}
		return body{}, status.Errorf(codes.Internal, "grpc: error while compressing: %v", err)
	}
	return out.body(formatCompressed), nil
}
