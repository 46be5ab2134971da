package listener

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counted counts how often a connection's deadline is armed.
type counted struct {
	net.Conn
	reads atomic.Int64
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.reads.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func pipe(t *testing.T) (c *conn, below *counted, client net.Conn) {
	t.Helper()
	server, client := net.Pipe()
	below = &counted{Conn: server}
	c = newConn(below, nil)
	t.Cleanup(func() {
		_ = c.Close()
		_ = client.Close()
	})
	return c, below, client
}

// What HTTP does with each request arms nothing but the first time.
func TestDeadlinesThatMoveToLaterAreNotArmed(t *testing.T) {
	c, below, client := pipe(t)
	go func() { _, _ = io.Copy(io.Discard, client) }()
	for range 100 {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		require.NoError(t, c.SetReadDeadline(time.Now().Add(2*time.Hour)))
	}
	require.EqualValues(t, 1, below.reads.Load())
}

func TestReadOutlivesADeadlineThatMoved(t *testing.T) {
	for name, to := range map[string]time.Time{"later": time.Now().Add(time.Hour), "to never": {}} {
		t.Run(name, func(t *testing.T) {
			c, below, client := pipe(t)
			require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
			require.NoError(t, c.SetReadDeadline(to))
			go func() {
				for below.reads.Load() < 2 { // the first deadline has passed, and was armed anew
					time.Sleep(time.Millisecond)
				}
				_, _ = client.Write([]byte("late"))
			}()
			b := make([]byte, 4)
			n, err := c.Read(b)
			require.NoError(t, err)
			require.Equal(t, "late", string(b[:n]))
		})
	}
}

func TestDeadlinesEndReadsAndWrites(t *testing.T) {
	c, _, client := pipe(t)
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	require.NoError(t, c.SetReadDeadline(time.Unix(1, 0))) // as who takes a connection over does
	require.ErrorIs(t, <-read, os.ErrDeadlineExceeded)

	require.NoError(t, c.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
	_, err := c.Write([]byte("nobody reads"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	// A write that an old deadline cuts goes on where it was cut.
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Hour)))
	got := make(chan string, 1)
	go func() {
		b := make([]byte, 5)
		_, _ = io.ReadFull(client, b)
		got <- string(b)
	}()
	n, err := c.Write([]byte("whole"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Equal(t, "whole", <-got)
}
