package recipes

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Channel is a client connection to services of the same process. A call is a
// call of the service's method in the caller's own context, so that whoever
// asks there who is calling gets the same answer: there is no encoding, no
// interceptor, and no second identity. What an interceptor would refuse is
// refused by admit.
//
// Register all services before the first call.
type Channel struct {
	admit   func(ctx context.Context, method string) error
	unary   map[string]unaryMethod
	streams map[string]streamMethod
}

// unaryMethod and streamMethod are a method with the service that has it.
type (
	unaryMethod struct {
		desc grpc.MethodDesc
		impl any
	}
	streamMethod struct {
		desc grpc.StreamDesc
		impl any
	}
)

// NewChannel makes a channel to no service. Before every call admit is asked,
// in the caller's context, whether the caller may make it: a service may count
// on a check that the server makes in front of it.
func NewChannel(admit func(ctx context.Context, method string) error) *Channel {
	return &Channel{admit: admit, unary: map[string]unaryMethod{}, streams: map[string]streamMethod{}}
}

// RegisterService makes impl's methods callable. It is what generated
// Register functions call.
func (c *Channel) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for _, m := range desc.Methods {
		c.unary["/"+desc.ServiceName+"/"+m.MethodName] = unaryMethod{m, impl}
	}
	for _, s := range desc.Streams {
		c.streams["/"+desc.ServiceName+"/"+s.StreamName] = streamMethod{s, impl}
	}
}

// Invoke calls a unary method. Options change nothing: they are about a
// transport, and there is none.
func (c *Channel) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	m, ok := c.unary[method]
	if !ok {
		return unknown(method)
	}
	if err := c.admit(ctx, method); err != nil {
		return asStatus(err)
	}
	// As over a connection the call's context ends with the call, and with it what the service holds on its account.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := m.desc.Handler(m.impl, ctx, func(v any) error { return copyMessage(v, args) }, nil)
	if err != nil {
		return asStatus(err)
	}
	return copyMessage(reply, resp)
}

// NewStream starts a streaming method, which runs until it returns or ctx ends.
func (c *Channel) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.open(ctx, method, new(sync.WaitGroup))
}

// open is NewStream for who wants to wait for the handler's end.
func (c *Channel) open(ctx context.Context, method string, handlers *sync.WaitGroup) (grpc.ClientStream, error) {
	m, ok := c.streams[method]
	if !ok {
		return nil, unknown(method)
	}
	if err := c.admit(ctx, method); err != nil {
		return nil, asStatus(err)
	}
	s := &pipe{ctx: ctx, requests: make(chan any), replies: make(chan any), ended: make(chan struct{})}
	handlers.Go(func() {
		defer close(s.ended)
		s.err = asStatus(m.desc.Handler(m.impl, (*serverEnd)(s)))
		if s.err == nil {
			s.err = io.EOF
		}
	})
	return (*clientEnd)(s), nil
}

// unknown is gRPC's answer to a method that nobody registered.
func unknown(method string) error {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return status.Errorf(codes.Unimplemented, "unknown method %s for service %s", name, service)
}

// asStatus is what gRPC's server makes of a handler's error.
func asStatus(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.FromContextError(err).Err()
}

// copyMessage fills to with a copy of from: neither side sees what the other
// does to its message.
func copyMessage(to, from any) error {
	dst, ok := to.(proto.Message)
	if !ok {
		return status.Error(codes.Internal, fmt.Sprintf("recipes: %T is not a message", to))
	}
	src, ok := from.(proto.Message)
	if !ok {
		return status.Error(codes.Internal, fmt.Sprintf("recipes: %T is not a message", from))
	}
	proto.Merge(dst, src)
	return nil
}
