package api

import (
	"context"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/petcd/petcd/server/apply"
)

// startSpan begins a span within that of the call, with etcd's names and attributes, for the requests that etcd has one for.
// The caller ends it; it does nothing when the call is not sampled.
func startSpan(ctx context.Context, req any) (context.Context, trace.Span) {
	call := trace.SpanFromContext(ctx)
	if !call.IsRecording() {
		return ctx, call
	}
	name, about := spanOf(req)
	if name == "" {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return call.TracerProvider().Tracer("go.etcd.io/etcd").Start(ctx, name, trace.WithAttributes(about...))
}

// spanOf is the name of a request's span, and what it says. Values are never in it.
func spanOf(req any) (string, []attribute.KeyValue) {
	switch r := req.(type) {
	case *pb.RangeRequest:
		return "range", []attribute.KeyValue{
			keyAttribute("range_begin", r.Key), keyAttribute("range_end", r.RangeEnd), attribute.Int64("rev", r.Revision),
			attribute.Int64("limit", r.Limit), attribute.Bool("count_only", r.CountOnly), attribute.Bool("keys_only", r.KeysOnly),
		}
	case *pb.PutRequest:
		return "put", []attribute.KeyValue{keyAttribute("key", r.Key)}
	case *pb.DeleteRangeRequest:
		return "delete_range", []attribute.KeyValue{keyAttribute("range_begin", r.Key), keyAttribute("range_end", r.RangeEnd)}
	case *pb.TxnRequest:
		return "txn", []attribute.KeyValue{
			attribute.Int("compare_len", len(r.Compare)), attribute.Int("success_len", len(r.Success)),
			attribute.Int("failure_len", len(r.Failure)), attribute.Bool("read_only", apply.IsReadOnly(r)),
		}
	case *pb.CompactionRequest:
		return "compact", []attribute.KeyValue{attribute.Bool("is_physical", r.Physical), attribute.Int64("rev", r.Revision)}
	}
	return "", nil
}

// keyAttribute is a key as text; OTLP takes nothing but UTF-8.
func keyAttribute(name string, key []byte) attribute.KeyValue {
	return attribute.String(name, strings.ToValidUTF8(string(key), "\uFFFD"))
}
