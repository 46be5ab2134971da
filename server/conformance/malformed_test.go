package conformance

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// rawCodec sends bytes as they are, so that a request can be no protobuf.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, errors.New("rawCodec sends []byte only")
	}
	return b, nil
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return errors.New("rawCodec receives *[]byte only")
	}
	*b = append([]byte(nil), data...)
	return nil
}

// garbage is no protobuf message of any kind.
var garbage = map[string][]byte{
	"bad_wire_type":       {0x0f, 0xff, 0xff},
	"truncated_field":     {0x0a, 0x7f, 'x'},
	"length_past_the_end": {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f},
	"endless_varint":      {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
}

// oversized is a message of one unknown field that every server finds too
// large to receive.
func oversized() []byte {
	const size = 4 << 20
	return append([]byte{0xfa, 0x3f, 0x80, 0x80, 0x80, 0x02}, make([]byte, size)...)
}

// malformedCases: bytes that are no request, on every method; the server
// answers with an error and serves on.
func malformedCases(s *suite) {
	services := []grpc.ServiceDesc{
		pb.KV_ServiceDesc, pb.Lease_ServiceDesc, pb.Cluster_ServiceDesc, pb.Maintenance_ServiceDesc, pb.Watch_ServiceDesc,
	}
	for _, service := range services {
		for _, m := range service.Methods {
			method := "/" + service.ServiceName + "/" + m.MethodName
			s.run(m.MethodName, func(t *testing.T, e *env) {
				if m.MethodName == "Downgrade" {
					needs(t, e, downgrade)
				}
				for name, body := range garbage {
					var reply []byte
					err := e.conn.Invoke(e.ctx, method, body, &reply, grpc.ForceCodec(rawCodec{}))
					require.Error(t, err, name)
					requireCode(t, codes.Internal, err)
				}
				var reply []byte
				err := e.conn.Invoke(e.ctx, method, oversized(), &reply, grpc.ForceCodec(rawCodec{}))
				requireCode(t, codes.ResourceExhausted, err)
				requireServing(t, e)
			})
		}
		for i := range service.Streams {
			desc := service.Streams[i]
			method := "/" + service.ServiceName + "/" + desc.StreamName
			s.run(desc.StreamName, func(t *testing.T, e *env) {
				if desc.StreamName == "RangeStream" {
					needs(t, e, rangeStream)
				}
				answer := func(body []byte) error {
					stream, err := e.conn.NewStream(e.ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodec(rawCodec{}))
					require.NoError(t, err)
					if err := stream.SendMsg(body); !errors.Is(err, io.EOF) { // else it was answered already
						require.NoError(t, err)
					}
					var reply []byte
					err = stream.RecvMsg(&reply)
					require.NotErrorIs(t, err, io.EOF)
					return err
				}
				for name, body := range garbage {
					err := answer(body)
					require.Error(t, err, name)
					requireCode(t, codes.Internal, err)
				}
				requireCode(t, codes.ResourceExhausted, answer(oversized()))
				requireServing(t, e)
			})
		}
	}
	for name, method := range map[string]string{
		"unknown_method":  "/etcdserverpb.KV/NoSuchMethod",
		"unknown_service": "/etcdserverpb.NoSuchService/Range",
		"no_method":       "/etcdserverpb.KV/",
	} {
		s.run(name, func(t *testing.T, e *env) {
			var reply []byte
			err := e.conn.Invoke(e.ctx, method, []byte{}, &reply, grpc.ForceCodec(rawCodec{}))
			requireCode(t, codes.Unimplemented, err)
		})
	}
	s.run("unknown_fields_are_ignored", func(t *testing.T, e *env) {
		var reply []byte
		body := append([]byte{0x0a, byte(len(e.key("a")))}, e.key("a")...)
		body = append(body, 0xfa, 0x3f, 0x01, 'x') // field 1023
		require.NoError(t, e.conn.Invoke(e.ctx, "/etcdserverpb.KV/Range", body, &reply, grpc.ForceCodec(rawCodec{})))
	})
	s.run("txn_nested_too_deep_for_protobuf", func(t *testing.T, e *env) {
		// 5,000 levels: past protobuf's recursion limit, small in bytes.
		r := &pb.TxnRequest{}
		for range 5_000 {
			r = &pb.TxnRequest{Success: ops(wrapTxn(r))}
		}
		_, err := e.kv.Txn(e.ctx, r)
		require.Error(t, err)
		requireServing(t, e)
	})
	s.run("txn_nil_parts", func(t *testing.T, e *env) {
		// An op whose inner message is absent: field 1 of RequestOp, empty.
		for _, field := range []byte{0x0a, 0x12, 0x1a} {
			var reply []byte
			op := []byte{field, 0}
			body := append([]byte{0x12, byte(len(op))}, op...)
			err := e.conn.Invoke(e.ctx, "/etcdserverpb.KV/Txn", body, &reply, grpc.ForceCodec(rawCodec{}))
			requireCode(t, codes.InvalidArgument, err)
		}
		requireServing(t, e)
	})
}

// requireServing checks that the server still answers.
func requireServing(t *testing.T, e *env) {
	t.Helper()
	_, err := e.kv.Range(e.ctx, &pb.RangeRequest{Key: e.key("alive")})
	require.NoError(t, err)
}
