package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/stats"

	"github.com/petcd/petcd/server/config"
)

// perMillion is the unit of the sampling rate.
const perMillion = 1_000_000

// Exporter makes spans of calls and sends them.
type Exporter struct {
	provider *sdktrace.TracerProvider
	handler  stats.Handler
}

// Open prepares to send; it does not wait for the collector.
func Open(ctx context.Context, c config.Tracing, logger *slog.Logger) (*Exporter, error) {
	client, err := otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(c.Address))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	about := []attribute.KeyValue{attribute.String("service.name", c.ServiceName)}
	if c.InstanceID != "" { // it must be unique, so an empty one is none
		about = append(about, attribute.String("service.instance.id", c.InstanceID))
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(quietExporter{client, logger}),
		sdktrace.WithResource(resource.NewSchemaless(about...)),
		sdktrace.WithSampler(sdktrace.ParentBased(sampler(c.SamplingRate))),
	)
	return &Exporter{provider: provider, handler: otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
	)}, nil
}

// sampler decides about calls whose client did not.
func sampler(rate int) sdktrace.Sampler {
	if rate == 0 {
		return sdktrace.NeverSample()
	}
	return sdktrace.TraceIDRatioBased(float64(rate) / perMillion)
}

// Handler begins and ends the spans of a gRPC server's calls.
func (e *Exporter) Handler() stats.Handler { return e.handler }

// Close sends what is queued, for as long as ctx allows. A nil Exporter has nothing to send.
func (e *Exporter) Close(ctx context.Context) error {
	if e == nil {
		return nil
	}
	if err := e.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("tracing: %w", err)
	}
	return nil
}

// quietExporter tells the member's log of failures; the library would tell a global handler.
type quietExporter struct {
	sdktrace.SpanExporter
	logger *slog.Logger
}

// ExportSpans sends one batch.
func (q quietExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.logger.Warn("failed to send traces", "spans", len(spans), "error", err)
	}
	return nil
}
