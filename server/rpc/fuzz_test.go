package rpc

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// FuzzConnection sends bytes to a connection. It must end with its client, and leave nothing.
func FuzzConnection(f *testing.F) {
	var good bytes.Buffer
	c := &client{t: f, framer: http2.NewFramer(&good, nil)}
	c.hpack = newEncoder(&c.block)
	require.NoError(f, c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}))
	c.call(1, "unary")
	c.open(3, requestFields(bidiPath, "grpc-timeout", "1S")...)
	c.data(3, false, packed("stream"))
	require.NoError(f, c.framer.WriteWindowUpdate(0, 100))
	require.NoError(f, c.framer.WriteWindowUpdate(3, 100))
	require.NoError(f, c.framer.WritePing(false, [8]byte{}))
	require.NoError(f, c.framer.WriteRSTStream(3, http2.ErrCodeCancel))
	c.open(5, requestFields(serverPath)...)
	c.data(5, true, packed("server"))
	f.Add(good.Bytes())
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x01\x05\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _ := serve(t, &echo{}, func(s *Server) { s.limits.held = 1 << 20 })
		server, client := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.receive(server)
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		require.NoError(t, client.SetDeadline(time.Now().Add(patience)))
		_, _ = client.Write(append([]byte(http2.ClientPreface), data...)) // the server may have closed it
		client.Close()
		<-ended // and at the test's end all goroutines have
	})
}
