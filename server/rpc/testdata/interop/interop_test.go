// Package interop runs gRPC's own interoperability tests on petcd's transport. It stands apart, and .ci/grpc-interop runs it,
// because those tests need modules that petcd doesn't.
package interop

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"github.com/petcd/petcd/server/rpc"
)

// A test that fails ends the process.
func TestInterop(t *testing.T) {
	s := rpc.New(rpc.Options{})
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	defer s.Stop(context.Background())
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tests := testgrpc.NewTestServiceClient(c)
	for name, do := range map[string]func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption){
		"EmptyUnary": interop.DoEmptyUnaryCall, "LargeUnary": interop.DoLargeUnaryCall,
		"ClientStreaming": interop.DoClientStreaming, "ServerStreaming": interop.DoServerStreaming,
		"PingPong": interop.DoPingPong, "EmptyStream": interop.DoEmptyStream,
		"TimeoutOnSleepingServer": interop.DoTimeoutOnSleepingServer,
		"CancelAfterBegin":        interop.DoCancelAfterBegin, "CancelAfterFirstResponse": interop.DoCancelAfterFirstResponse,
		"CustomMetadata":       interop.DoCustomMetadata,
		"StatusCodeAndMessage": interop.DoStatusCodeAndMessage, "SpecialStatusMessage": interop.DoSpecialStatusMessage,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			do(ctx, tests)
		})
	}
	interop.DoUnimplementedService(t.Context(), testgrpc.NewUnimplementedServiceClient(c))
	interop.DoUnimplementedMethod(t.Context(), c)
}
