package grpcproxy

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that rawCodec wraps
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// frame is a message as it came, to be handed on.
type frame struct{ bytes mem.BufferSlice }

// rawCodec passes frames through and leaves everything else to protobuf.
type rawCodec struct{ encoding.CodecV2 }

func newRawCodec() rawCodec { return rawCodec{encoding.GetCodecV2("proto")} }

// Marshal gives a frame's bytes away; gRPC frees them.
func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		bytes := f.bytes
		f.bytes = nil
		return bytes, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal keeps the bytes beyond the call for a frame.
func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		data.Ref()
		f.bytes = data
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// forwarder hands every call that the proxy has no service for to the cluster.
type forwarder struct{ upstream grpc.ClientConnInterface }

// handle is the server's handler for unknown methods.
func (f forwarder) handle(_ any, down grpc.ServerStream) error {
	method, ok := grpc.MethodFromServerStream(down)
	if !ok {
		return status.Error(codes.Internal, "grpcproxy: a stream without a method")
	}
	ctx, cancel := context.WithCancel(outgoing(down.Context()))
	defer cancel()
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	// A call waits for a member as long as its client does, as at etcd's proxy.
	up, err := f.upstream.NewStream(ctx, both, method, grpc.ForceCodecV2(newRawCodec()), grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	go func() {
		// Ends with the stream at the latest: down's context ends when handle returns.
		if err := sendAll(up, down); err != nil {
			cancel()
		}
	}()
	return receiveAll(down, up)
}

// sendAll hands requests on until the client has no more.
func sendAll(up grpc.ClientStream, down grpc.ServerStream) error {
	for {
		f := &frame{}
		switch err := down.RecvMsg(f); {
		case errors.Is(err, io.EOF):
			return up.CloseSend()
		case err != nil:
			return err
		}
		if err := up.SendMsg(f); err != nil {
			f.bytes.Free()
			if errors.Is(err, io.EOF) {
				return nil // receiveAll gets the reason
			}
			return err
		}
	}
}

// receiveAll hands replies back until the cluster ends the call, and ends it
// with the same status.
func receiveAll(down grpc.ServerStream, up grpc.ClientStream) error {
	for first := true; ; first = false {
		f := &frame{}
		err := up.RecvMsg(f)
		if first {
			if header, herr := up.Header(); herr == nil {
				if serr := down.SetHeader(withoutReserved(header)); serr != nil {
					return serr
				}
			}
		}
		if err != nil {
			down.SetTrailer(withoutReserved(up.Trailer()))
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := down.SendMsg(f); err != nil {
			f.bytes.Free()
			return err
		}
	}
}

// passedOn are the metadata of a call that mean something to a member.
var passedOn = []string{"token", "authorization", "hasleader", "client-api-version"}

// outgoing is a caller's context with its metadata for the cluster.
func outgoing(ctx context.Context) context.Context {
	out := metadata.MD{}
	for _, key := range passedOn {
		if v := metadata.ValueFromIncomingContext(ctx, key); len(v) > 0 {
			out[key] = v
		}
	}
	return metadata.NewOutgoingContext(ctx, out)
}

// withoutReserved drops what gRPC itself writes on the other leg.
func withoutReserved(md metadata.MD) metadata.MD {
	md = md.Copy()
	delete(md, "content-type")
	delete(md, "grpc-accept-encoding")
	return md
}
