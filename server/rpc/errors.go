package rpc

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	// errStopped ends the connections that are left when a server's time to stop is over.
	errStopped = errors.New("rpc: the server has stopped")
	// errNotRead ends a connection whose client has not read for too long.
	errNotRead = errors.New("rpc: the client does not read")
	// errSilent ends a connection whose client does not answer to pings.
	errSilent = errors.New("rpc: a ping was not answered in time")
	// errDone ends a connection that has nothing left to do.
	errDone = errors.New("rpc: the connection has ended")
)

// The errors of calls, in grpc-go's words.
var (
	errHeaderSent   = status.Error(codes.Internal, "transport: SendHeader called multiple times")
	statusNoRequest = status.New(codes.Internal, "cardinality violation: received no request message from non-client-streaming RPC")
	statusRequests  = status.New(codes.Internal, "cardinality violation: received multiple request messages for non-client-streaming RPC")
	statusCut       = status.New(codes.Internal, io.ErrUnexpectedEOF.Error())
	statusOK        = status.New(codes.OK, "")
)

// violation is a break of HTTP/2's rules that ends the connection. The client is told.
type violation struct {
	code   http2.ErrCode
	reason string
}

// Error names the rule.
func (v *violation) Error() string { return fmt.Sprintf("rpc: %v: %s", v.code, v.reason) }

// violates makes a violation.
func violates(code http2.ErrCode, reason string) error { return &violation{code, reason} }

// tooLarge refuses a message by its length.
func tooLarge(length, most int) *status.Status {
	return status.Newf(codes.ResourceExhausted, "grpc: received message larger than max (%d vs. %d)", length, most)
}

// statusOf is what a handler's error becomes.
func statusOf(err error) *status.Status {
	if err == nil {
		return statusOK
	}
	if st, ok := status.FromError(err); ok {
		return st
	}
	return status.FromContextError(err)
}
