// Package tracing sends OpenTelemetry spans of clients' requests to a collector (OTLP over gRPC), as etcd's flags
// --enable-distributed-tracing and --distributed-tracing-* ask.
//
// It refuses to set anything global: two members in one process trace apart, and with tracing off no request passes through
// this package.
//
// Read first: [Exporter].
//
// Invariants:
//
//	I1. A collector that is away or slow costs spans, never a request: spans are queued, and dropped when the queue is full.
//
// Concurrency: every method may be called from any goroutine.
package tracing
