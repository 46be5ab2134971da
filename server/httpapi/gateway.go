package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.etcd.io/etcd/api/v3/etcdserverpb/gw"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// jsonPerByte is how many bytes of JSON may stand for one byte of a request:
// base64 makes a third more of a value, field names more of small numbers.
const jsonPerByte = 4

// drainMax is how much more of a value that is too large is read and dropped.
// A client that still sends does not read the answer, and a connection that is
// closed on it takes the answer with it.
const drainMax = 256 << 20

// errBodyTooLarge ends the reading of one JSON value.
var errBodyTooLarge = errors.New("request body is too large")

// GatewayOptions are what the JSON gateway is made of.
type GatewayOptions struct {
	// Conn leads to the member's own gRPC services. It must carry no
	// certificate: the user of a call by the gateway is whom the Authorization
	// header names, or nobody (CVE-2018-16886).
	Conn *grpc.ClientConn
	// MaxMessageBytes is the largest message that the services take.
	MaxMessageBytes int
	Logger          *slog.Logger
}

// NewGateway makes the handler of /v3/: every RPC but RangeStream as a POST
// with JSON, streams as lines of JSON or as messages of a websocket.
//
// The handlers and the rules of JSON are grpc-gateway's with etcd's settings,
// so fields, numbers, errors and status codes are etcd's.
func NewGateway(ctx context.Context, o GatewayOptions) (http.Handler, error) {
	bodyMax := int64(o.MaxMessageBytes) * jsonPerByte
	mux := runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler(bodyMax)))
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		gw.RegisterKVHandler, gw.RegisterWatchHandler, gw.RegisterLeaseHandler, gw.RegisterClusterHandler,
		gw.RegisterMaintenanceHandler, gw.RegisterAuthHandler, v3lockpb.RegisterLockHandler, v3electionpb.RegisterElectionHandler,
	} {
		if err := register(ctx, mux, o.Conn); err != nil {
			return nil, fmt.Errorf("httpapi: register gateway: %w", err)
		}
	}
	return &websockets{next: fullDuplex(mux), messageMax: bodyMax, logger: o.Logger}, nil
}

// streamed are the calls whose clients send more than one request.
var streamed = []string{"/v3/watch", "/v3/lease/keepalive"}

// fullDuplex lets a stream's requests be read after its first answer was written. Over HTTP/1.1 the server otherwise closes
// the body by then, and a call that sends several requests loses those that were not read yet.
//
// It is for these calls alone: after a body that its handler has not read, net/http cannot use such a connection again.
func fullDuplex(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(streamed, r.URL.Path) {
			// HTTP/2 is duplex by itself, and a websocket's writer has no such switch.
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// boundedMarshaler is grpc-gateway's, but that one JSON value in a request may
// not be larger than max: the value is in memory before it is looked at. A
// stream's body has any number of values, so the body itself is not bounded.
type boundedMarshaler struct {
	*runtime.HTTPBodyMarshaler
	max int64
}

// newMarshaler makes a marshaler with etcd's rules of JSON: names as in the
// .proto files, nothing that has its zero value, and unknown fields ignored.
func newMarshaler(valueMax int64) *boundedMarshaler {
	return &boundedMarshaler{
		HTTPBodyMarshaler: &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
			MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true},
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
		}},
		max: valueMax,
	}
}

// NewDecoder decodes the values of one request's body.
func (m *boundedMarshaler) NewDecoder(r io.Reader) runtime.Decoder {
	b := &boundedReader{r: r}
	d := m.HTTPBodyMarshaler.NewDecoder(b)
	return runtime.DecoderFunc(func(v any) error {
		b.left = m.max + 1 // what ends a value of max bytes can show after it
		return d.Decode(v)
	})
}

// boundedReader refuses to read beyond an allowance.
type boundedReader struct {
	r    io.Reader
	left int64
}

// Read reads as much as is allowed.
func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if _, err := io.CopyN(io.Discard, b.r, drainMax); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		return 0, errBodyTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}
