package grpcproxy

import (
	"context"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

// leaseTTL is the one lease call that names keys: with a namespace it shows
// those inside.
type leaseTTL struct {
	upstream  pb.LeaseClient
	namespace string
}

// timeToLive asks the cluster and strips the namespace.
func (s *leaseTTL) timeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	resp, err := s.upstream.LeaseTimeToLive(outgoing(ctx), r)
	if err != nil {
		return nil, err
	}
	inside := resp.Keys[:0]
	for _, k := range resp.Keys {
		if rest, ok := strings.CutPrefix(string(k), s.namespace); ok {
			inside = append(inside, []byte(rest))
		}
	}
	resp.Keys = inside
	return resp, nil
}

// register serves the call; the service's others are forwarded.
func (s *leaseTTL) register(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: pb.Lease_ServiceDesc.ServiceName,
		Methods:     []grpc.MethodDesc{unaryMethod("LeaseTimeToLive", s.timeToLive)},
		Metadata:    pb.Lease_ServiceDesc.Metadata,
	}, nil)
}

// unaryMethod describes one unary method to gRPC, with its interceptors.
func unaryMethod[Req, Resp any](name string, handle func(context.Context, *Req) (*Resp, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, between grpc.UnaryServerInterceptor) (any, error) {
		req := new(Req)
		if err := decode(req); err != nil {
			return nil, err
		}
		if between == nil {
			return handle(ctx, req)
		}
		method, _ := grpc.Method(ctx)
		return between(ctx, req, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, req any) (any, error) {
			return handle(ctx, req.(*Req)) //nolint:forcetypeassert // an interceptor gives the request it got
		})
	}}
}
