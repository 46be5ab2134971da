package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Whatever breaks HTTP/2's rules ends the connection with the code that RFC 9113 names.
func TestViolationsEndTheConnection(t *testing.T) {
	raw := func(c *client, kind http2.FrameType, flags http2.Flags, id uint32, payload string) {
		_ = c.framer.WriteRawFrame(kind, flags, id, []byte(payload)) // the server may have closed already
	}
	for name, tc := range map[string]struct {
		do   func(*client)
		code http2.ErrCode
	}{
		"even stream":         {func(c *client) { c.open(2, requestFields(unaryPath)...) }, http2.ErrCodeProtocol},
		"stream number again": {func(c *client) { c.works(3); c.open(3, requestFields(unaryPath)...) }, http2.ErrCodeStreamClosed},
		"data of no stream":   {func(c *client) { c.data(5, true, nil) }, http2.ErrCodeProtocol},
		"reset of no stream":  {func(c *client) { _ = c.framer.WriteRSTStream(5, http2.ErrCodeCancel) }, http2.ErrCodeProtocol},
		"window of no stream": {func(c *client) { _ = c.framer.WriteWindowUpdate(5, 1) }, http2.ErrCodeProtocol},
		"window too large":    {func(c *client) { _ = c.framer.WriteWindowUpdate(0, windowMax) }, http2.ErrCodeFlowControl},
		"window by nothing":   {func(c *client) { _ = c.framer.WriteWindowUpdate(0, 0) }, http2.ErrCodeProtocol},
		"frame too large":     {func(c *client) { raw(c, http2.FrameData, 0, 1, strings.Repeat("x", frameMax+1)) }, http2.ErrCodeFrameSize},
		"short ping":          {func(c *client) { raw(c, http2.FramePing, 0, 0, "short") }, http2.ErrCodeFrameSize},
		"ping of a stream":    {func(c *client) { raw(c, http2.FramePing, 0, 1, "12345678") }, http2.ErrCodeProtocol},
		"odd settings":        {func(c *client) { raw(c, http2.FrameSettings, 0, 0, "1234567") }, http2.ErrCodeFrameSize},
		"ack with settings":   {func(c *client) { raw(c, http2.FrameSettings, http2.FlagSettingsAck, 0, "123456") }, http2.ErrCodeFrameSize},
		"push": {func(c *client) {
			raw(c, http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, "\x00\x00\x00\x02")
		}, http2.ErrCodeProtocol},
		"continuation of nothing": {func(c *client) { raw(c, http2.FrameContinuation, 0, 1, "") }, http2.ErrCodeProtocol},
		"other frame in a block":  {func(c *client) { raw(c, http2.FrameHeaders, 0, 1, "\x88"); raw(c, http2.FramePing, 0, 0, "12345678") }, http2.ErrCodeProtocol},
		"hpack of nothing":        {func(c *client) { raw(c, http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\xff\xff\xff\x0f") }, http2.ErrCodeCompression},
		"hpack cut":               {func(c *client) { raw(c, http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x40\x0a") }, http2.ErrCodeCompression},
		"more padding than frame": {func(c *client) {
			raw(c, http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, "\xff\x88")
		}, http2.ErrCodeProtocol},
		"setting of a bad value": {func(c *client) { _ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}) }, http2.ErrCodeProtocol},
		"window setting too large": {func(c *client) {
			_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}, http2.ErrCodeFlowControl},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{}, nil)
			c := dial(t, address)
			tc.do(c)
			code, _ := c.goneAway()
			require.Equal(t, tc.code, code)
			dial(t, address).works(1)
		})
	}
}

func TestPrefaceMustBeHTTP2(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dialRaw(t, address)
	_, err := c.conn.Write([]byte("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n"))
	require.NoError(t, err)
	code, _ := c.goneAway()
	require.Equal(t, http2.ErrCodeProtocol, code)

	c = dialRaw(t, address)
	_, err = c.conn.Write([]byte(http2.ClientPreface))
	require.NoError(t, err)
	require.NoError(t, c.framer.WritePing(false, [8]byte{}))
	code, _ = c.goneAway()
	require.Equal(t, http2.ErrCodeProtocol, code, "SETTINGS come first")
}

// What breaks a rule of its stream ends only that.
func TestViolationsEndTheStream(t *testing.T) {
	with := func(fields ...string) func(*client) {
		return func(c *client) { c.open(1, fields...) }
	}
	for name, tc := range map[string]struct {
		do   func(*client)
		code http2.ErrCode
	}{
		"no path":                     {with(":method", "POST", ":scheme", "http"), http2.ErrCodeProtocol},
		"method twice":                {with(requestFields(unaryPath)[0:2]...), http2.ErrCodeProtocol},
		"upper case":                  {with(requestFields(unaryPath, "Upper", "x")...), http2.ErrCodeProtocol},
		"unknown pseudo-header":       {with(append([]string{":what", "x"}, requestFields(unaryPath)...)...), http2.ErrCodeProtocol},
		"late pseudo-header":          {with(requestFields(unaryPath, ":authority", "x")...), http2.ErrCodeProtocol},
		"connection":                  {with(requestFields(unaryPath, "connection", "close")...), http2.ErrCodeProtocol},
		"other te":                    {with(requestFields(unaryPath, "te", "gzip")...), http2.ErrCodeProtocol},
		"line in a value":             {with(requestFields(unaryPath, "x", "a\nb")...), http2.ErrCodeProtocol},
		"head too large":              {with(requestFields(unaryPath, "x", strings.Repeat("x", 40<<10), "y", strings.Repeat("y", 40<<10))...), http2.ErrCodeFrameSize},
		"data after the end":          {func(c *client) { c.open(1, requestFields(bidiPath)...); c.data(1, true, nil); c.data(1, true, nil) }, http2.ErrCodeStreamClosed},
		"window too large":            {func(c *client) { c.open(1, requestFields(bidiPath)...); _ = c.framer.WriteWindowUpdate(1, windowMax) }, http2.ErrCodeFlowControl},
		"window by nothing":           {func(c *client) { c.open(1, requestFields(bidiPath)...); _ = c.framer.WriteWindowUpdate(1, 0) }, http2.ErrCodeProtocol},
		"trailers that do not end it": {func(c *client) { c.open(1, requestFields(bidiPath)...); c.open(1, "x", "y") }, http2.ErrCodeProtocol},
		"depends on itself": {func(c *client) {
			_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(requestFields(bidiPath)...), EndHeaders: true,
				Priority: http2.PriorityParam{StreamDep: 1}})
		}, http2.ErrCodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{stream: untilCanceled}, nil)
			c := dial(t, address)
			tc.do(c)
			require.Equal(t, tc.code, c.answered(1).reset)
			c.works(3)
		})
	}
}

// Calls that cannot be made are refused in grpc-go's words.
func TestRefusedCalls(t *testing.T) {
	change := func(name, value string) []string {
		fields := requestFields(unaryPath)
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == name {
				fields[i+1] = value
			}
		}
		return fields
	}
	for name, tc := range map[string]struct {
		fields             []string
		http, code, detail string
	}{
		"unknown service":   {change(":path", "/no.Such/Call"), "200", "12", "unknown service no.Such"},
		"unknown method":    {change(":path", "/test.Echo/No"), "200", "12", "unknown method No for service test.Echo"},
		"no method":         {change(":path", "nonsense"), "200", "12", `malformed method name: "nonsense"`},
		"content type":      {change("content-type", "text/plain"), "415", "3", `invalid gRPC request content-type "text/plain"`},
		"verb":              {change(":method", "GET"), "405", "13", `Received a HEADERS frame with :method "GET" which should be POST`},
		"compression":       {requestFields(unaryPath, "grpc-encoding", "zip"), "200", "12", `grpc: Decompressor is not installed for grpc-encoding "zip"`},
		"time limit":        {requestFields(unaryPath, "grpc-timeout", "1x"), "400", "13", `malformed grpc-timeout: transport: timeout unit is not recognized: "1x"`},
		"no time":           {requestFields(unaryPath, "grpc-timeout", "0S"), "200", "4", "context deadline exceeded"},
		"binary metadata":   {requestFields(unaryPath, "x-bin", "!"), "400", "13", `malformed binary metadata "!" in header "x-bin": illegal base64 data at input byte 0`},
		"two hosts":         {requestFields(unaryPath, "host", "a", "host", "b"), "400", "13", "num values of :authority: 1, num values of host: 2, both must only have 1 value as per HTTP/2 spec"},
		"content type with": {change("content-type", "application/grpcweb"), "415", "3", `invalid gRPC request content-type "application/grpcweb"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{}, nil)
			c := dial(t, address)
			c.open(1, tc.fields...)
			a := c.answered(1)
			require.Equal(t, []string{tc.http, tc.code, tc.detail}, []string{a.fields[":status"], a.fields["grpc-status"], a.fields["grpc-message"]})
			c.works(3)
		})
	}
}

// Requests that are no single message are refused in grpc-go's words.
func TestRefusedRequests(t *testing.T) {
	long := append(binary.BigEndian.AppendUint32([]byte{0}, 5<<20), "x"...)
	for name, tc := range map[string]struct {
		path   string
		sent   []byte
		code   string
		detail string
	}{
		"none":             {unaryPath, nil, "13", "cardinality violation: received no request message from non-client-streaming RPC"},
		"two":              {unaryPath, append(packed("1"), packed("2")...), "13", "cardinality violation: received multiple request messages for non-client-streaming RPC"},
		"cut":              {unaryPath, packed("cut")[:6], "13", "unexpected EOF"},
		"cut prefix":       {unaryPath, packed("cut")[:2], "13", "unexpected EOF"},
		"too large":        {unaryPath, long, "8", "grpc: received message larger than max (5242880 vs. 4194304)"},
		"no message":       {unaryPath, []byte("\x00\x00\x00\x00\x02\xff\xff"), "13", ""},
		"compressed":       {unaryPath, append([]byte{1}, packed("1")[1:]...), "13", "grpc: compressed flag set with identity or empty encoding"},
		"unknown format":   {unaryPath, append([]byte{2}, packed("1")[1:]...), "13", "grpc: received unexpected payload format 2"},
		"stream cut":       {bidiPath, packed("cut")[:6], "13", "unexpected EOF"},
		"stream too large": {bidiPath, long, "8", "grpc: received message larger than max (5242880 vs. 4194304)"},
		"none to stream":   {serverPath, nil, "13", "cardinality violation: received no request message from non-client-streaming RPC"},
		"two to stream":    {serverPath, append(packed("1"), packed("2")...), "13", "cardinality violation: received multiple request messages for non-client-streaming RPC"},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{}, nil)
			c := dial(t, address)
			c.open(1, requestFields(tc.path)...)
			c.data(1, true, tc.sent)
			a := c.answered(1)
			require.Equal(t, tc.code, a.fields["grpc-status"], "%v", a.fields)
			if tc.detail != "" {
				require.Equal(t, tc.detail, a.fields["grpc-message"])
			}
			c.works(3)
		})
	}
}

// A request in the smallest pieces, padded, with trailers, after a head in pieces.
func TestRequestInPieces(t *testing.T) {
	_, address := serve(t, &echo{}, nil)
	c := dial(t, address)
	block := c.encode(requestFields(unaryPath)...)
	require.NoError(t, c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:1], PadLength: 7}))
	for i := range block[1:10] {
		require.NoError(t, c.framer.WriteContinuation(1, false, block[i+1:i+2]))
	}
	require.NoError(t, c.framer.WriteContinuation(1, true, block[10:]))
	for _, b := range packed("pieces") {
		require.NoError(t, c.framer.WriteDataPadded(1, false, []byte{b}, make([]byte, 100)))
	}
	require.NoError(t, c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode("x", "y"), EndHeaders: true, EndStream: true}))
	require.Equal(t, packed("pieces"), c.answered(1).data)
}

// The second answer's fields come from the client's table, unless it wants none.
func TestHeaderTable(t *testing.T) {
	for name, settings := range map[string][]http2.Setting{"full": nil, "none": {{ID: http2.SettingHeaderTableSize, Val: 0}}} {
		t.Run(name, func(t *testing.T) {
			_, address := serve(t, &echo{unary: func(_ context.Context, b []byte) ([]byte, error) {
				if string(b) == "fail" {
					return nil, errors.New("failed: 100 % of ü\n")
				}
				return b, nil
			}}, nil)
			c := dial(t, address, settings...)
			if settings != nil {
				c.framer.ReadMetaHeaders.SetAllowedMaxDynamicTableSize(0)
			}
			for id := uint32(1); id < 20; id += 4 {
				c.works(id)
				c.call(id+2, "fail")
				a := c.answered(id + 2)
				require.Equal(t, "2", a.fields["grpc-status"])
				require.Equal(t, "failed: 100 %25 of %C3%BC%0A", a.fields["grpc-message"])
				require.Equal(t, contentType, a.fields["content-type"])
			}
		})
	}
	require.Equal(t, "%EF%BF%BD", escaped("\xff"))
}

// A second request where there is one only is refused, whenever it comes.
func TestSecondRequest(t *testing.T) {
	s, address := serve(t, &echo{}, nil)
	c := dial(t, address)
	c.open(1, requestFields(serverPath)...)
	c.data(1, false, packed("one"))
	eventually(t, s, "the handler has it", func(c *conn) bool { return c.lastID == 1 && c.in.held == 0 && c.streams[1].in.window < windowStart })
	c.data(1, true, packed("two"))
	require.Equal(t, "13", c.answered(1).fields["grpc-status"])
}

// A block that is larger than the client takes is not sent, and leaves nothing in its table.
func TestFieldsThatAreNotTaken(t *testing.T) {
	_, address := serve(t, &echo{unary: func(ctx context.Context, b []byte) ([]byte, error) {
		if string(b) == "large" {
			return b, grpc.SetTrailer(ctx, metadata.Pairs("x", strings.Repeat("y", 1000)))
		}
		return b, nil
	}}, nil)
	c := dial(t, address, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 200})
	for id := uint32(1); id < 9; id += 4 {
		c.call(id, "large")
		require.Equal(t, http2.ErrCodeInternal, c.answered(id).reset)
		c.works(id + 2)
	}
}
