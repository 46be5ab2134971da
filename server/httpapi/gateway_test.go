package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
)

// messageMax is what the services of these tests take.
const messageMax = 4 << 10

// echo answers a range with the key asked for and the metadata it came with,
// and a watch request with a watch of its key's length; "end" ends the stream.
type echo struct {
	pb.UnimplementedKVServer
	pb.UnimplementedWatchServer
	metadata chan metadata.MD
}

func (e *echo) Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	select {
	case e.metadata <- md:
	default:
	}
	return &pb.RangeResponse{Header: &pb.ResponseHeader{}, Count: int64(len(r.GetKey()))}, nil
}

func (e *echo) Watch(stream grpc.BidiStreamingServer[pb.WatchRequest, pb.WatchResponse]) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			<-stream.Context().Done()
			return nil
		}
		if err != nil {
			return err
		}
		key := r.GetCreateRequest().GetKey()
		if string(key) == "end" {
			return nil
		}
		if err := stream.Send(&pb.WatchResponse{WatchId: int64(len(key)), CancelReason: string(key)}); err != nil {
			return err
		}
	}
}

// serveGateway serves a gateway to echo.
func serveGateway(tb testing.TB) (*echo, *httptest.Server) {
	tb.Helper()
	e := &echo{metadata: make(chan metadata.MD, 1)}
	srv := grpc.NewServer(grpc.MaxRecvMsgSize(messageMax))
	pb.RegisterKVServer(srv, e)
	pb.RegisterWatchServer(srv, e)
	pipe := bufconn.Listen(1 << 10)
	go func() { _ = srv.Serve(pipe) }()
	tb.Cleanup(srv.Stop)
	conn, err := grpc.NewClient("passthrough:///gateway", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	gateway, err := NewGateway(context.Background(), GatewayOptions{Conn: conn, MaxMessageBytes: messageMax, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	web := httptest.NewServer(gateway)
	tb.Cleanup(web.Close)
	return e, web
}

// post sends one request.
func post(tb testing.TB, url, body string, headers ...string) (int, string) {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(tb, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(tb, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	return resp.StatusCode, string(data)
}

func TestOneValueIsBounded(t *testing.T) {
	_, web := serveGateway(t)
	padded := func(n int) string { return `{"key":"` + strings.Repeat("A", 4*n) + `"}` }

	code, body := post(t, web.URL+"/v3/kv/range", padded(100))
	require.Equal(t, http.StatusOK, code, body)
	code, body = post(t, web.URL+"/v3/kv/range", padded(messageMax/3+10))
	require.Equal(t, http.StatusTooManyRequests, code, body)
	require.Contains(t, body, "received message larger than max")
	// The client sends all of it before it reads the answer.
	code, body = post(t, web.URL+"/v3/kv/range", padded(4<<20))
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, body, "request body is too large")
}

func TestStreamsAreNotBounded(t *testing.T) {
	_, web := serveGateway(t)
	const n = 40
	value := `{"create_request":{"key":"` + strings.Repeat("A", 1000) + `"}}` + "\n"
	require.Greater(t, n*len(value), messageMax*jsonPerByte)
	code, body := post(t, web.URL+"/v3/watch", strings.Repeat(value, n)+`{"create_request":{"key":"ZW5k"}}`)
	require.Equal(t, http.StatusOK, code, body)
	require.Equal(t, n, strings.Count(body, "\n"))
}

func TestTokenAndNothingElseIsForwarded(t *testing.T) {
	e, web := serveGateway(t)
	code, _ := post(t, web.URL+"/v3/kv/range", "{}", "Authorization", "secret", "X-Custom", "dropped", "Grpc-Metadata-hasleader", "true")
	require.Equal(t, http.StatusOK, code)
	md := <-e.metadata
	require.Equal(t, []string{"secret"}, md.Get("authorization"))
	require.Equal(t, []string{"secret"}, md.Get("grpcgateway-authorization"), "what tells the services that a call came by the gateway")
	require.Equal(t, []string{"true"}, md.Get("hasleader"))
	require.Empty(t, md.Get("x-custom"))
}

// dial opens a websocket to a gateway.
func dial(t *testing.T, web *httptest.Server, path string, header http.Header) *websocket.Conn {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+path, header)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	return conn
}

func TestWebsocket(t *testing.T) {
	_, web := serveGateway(t)
	conn := dial(t, web, "/v3/watch", nil)
	for _, key := range []string{"YQ==", "YWI=", "YWJj"} {
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"create_request":{"key":"`+key+`"}}`)))
		kind, message, err := conn.ReadMessage()
		require.NoError(t, err)
		require.Equal(t, websocket.TextMessage, kind)
		var line struct {
			Result struct {
				WatchID string `json:"watch_id"`
			}
		}
		require.NoError(t, json.Unmarshal(message, &line), string(message))
		require.Equal(t, string('0'+rune(len(strings.TrimRight(key, "="))*3/4)), line.Result.WatchID)
	}
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"create_request":{"key":"ZW5k"}}`)))
	_, _, err := conn.ReadMessage()
	require.Error(t, err, "the stream's end is the websocket's")
}

// The member's end ends a websocket whose client has stopped to read.
func TestWebsocketOfAClientThatDoesNotRead(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	line := []byte(strings.Repeat("x", 64<<10) + "\n")
	sockets := &websockets{messageMax: messageMax, logger: slog.New(slog.DiscardHandler), next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		for { // more than the kernel keeps for anybody
			if _, err := w.Write(line); err != nil {
				ended <- err
				return
			}
		}
	})}
	web := httptest.NewUnstartedServer(sockets)
	web.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	web.Start()
	t.Cleanup(web.Close)
	dial(t, web, "/v3/watch", nil)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.Fail(t, "it still writes")
	}
}

func TestWebsocketMessageIsBounded(t *testing.T) {
	_, web := serveGateway(t)
	conn := dial(t, web, "/v3/watch", nil)
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(strings.Repeat(" ", messageMax*jsonPerByte+1))))
	_, _, err := conn.ReadMessage()
	require.True(t, websocket.IsCloseError(err, websocket.CloseMessageTooBig), "%v", err)
}

func TestWebsocketToken(t *testing.T) {
	for name, header := range map[string]http.Header{
		"protocol":           {"Sec-Websocket-Protocol": {"Bearer, secret"}},
		"protocol unspaced":  {"Sec-Websocket-Protocol": {"Bearer,secret"}},
		"cookie":             {"Cookie": {"token=secret"}},
		"cookie comes first": {"Cookie": {"token=secret"}, "Sec-Websocket-Protocol": {"Bearer, other"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/v3/watch", nil)
			r.Header = header
			require.Equal(t, "Bearer secret", forwarded(r).Get("Authorization"))
		})
	}
}

// The bounded decoder reads what the unbounded one reads, value by value, up to
// the first value that is too large.
func FuzzGatewayBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"key":"YQ==","range_end":"AA=="}`, `{"key":1}`, `{"success":[{"request_put":{"key":"YQ"}},{"requestTxn":{"compare":[{"target":"MOD"}]}}]}`,
		`{"key":"\ud800"}`, "{}{}", strings.Repeat(`{"failure":[`, 40), "\x00\xff", strings.Repeat(" ", 300), "{}" + strings.Repeat(" ", 254) + "{}",
	} {
		f.Add(seed)
	}
	const valueMax = 256
	f.Fuzz(func(t *testing.T, body string) {
		bounded := newMarshaler(valueMax).NewDecoder(strings.NewReader(body))
		plain := newMarshaler(valueMax).HTTPBodyMarshaler.NewDecoder(strings.NewReader(body))
		for {
			var got, want pb.TxnRequest
			err, wantErr := bounded.Decode(&got), plain.Decode(&want)
			if errors.Is(err, errBodyTooLarge) {
				require.Greater(t, len(body), valueMax)
				return
			}
			require.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
			if err != nil {
				return
			}
			require.True(t, proto.Equal(&want, &got))
		}
	})
}
