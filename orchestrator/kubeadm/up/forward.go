package up

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// forward takes connections on a listener of this machine to an address that is reached from a namespace, until ctx ends.
func forward(ctx context.Context, l net.Listener, ns namespace, address string) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("up: forward to %s: %w", address, err)
		}
		open.Go(func() { carry(ctx, conn, ns, address) })
	}
}

// carry connects one client. One that can't be connected is closed, which tells it as much as we know.
func carry(ctx context.Context, client net.Conn, ns namespace, address string) {
	defer client.Close()
	dialing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	server, err := ns.dial(dialing, address)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { client.Close(); server.Close() })
	defer stop()
	var ways sync.WaitGroup
	ways.Go(func() { pipe(server, client) })
	ways.Go(func() { pipe(client, server) })
	ways.Wait()
}

// pipe copies until one side has said all, and tells the other.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from) // a broken connection has ended, too
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
