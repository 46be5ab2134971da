package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// codec is gRPC's protobuf codec with the bytes counted.
type codec struct {
	encoding.CodecV2
	sent, received prometheus.Counter
}

// Marshal encodes a message.
func (c *codec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.CodecV2.Marshal(v)
	if err == nil {
		c.sent.Add(float64(data.Len()))
	}
	return data, err
}

// Unmarshal decodes a message.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	c.received.Add(float64(data.Len()))
	return c.CodecV2.Unmarshal(data, v)
}
