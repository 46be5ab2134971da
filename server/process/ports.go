package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are taken below the kernel's ephemeral range, so that an outgoing
// connection of some other program does not sit on a stopped member's port
// when that member comes back.
const (
	portMin = 12000
	portMax = 32000
)

var portsTaken = struct {
	mu   sync.Mutex
	used map[int]bool
}{used: make(map[int]bool)}

// FreePort returns a TCP port of the loopback address that nobody listens on
// and that this process has not handed out before.
func FreePort() (int, error) {
	portsTaken.mu.Lock()
	defer portsTaken.mu.Unlock()
	for range 1000 {
		port := portMin + rand.IntN(portMax-portMin)
		if portsTaken.used[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("process: free port: %w", err)
		}
		portsTaken.used[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("process: no free port between %d and %d", portMin, portMax)
}

// freeURL is FreePort as an HTTP URL, with TLS or without.
func freeURL(secure bool) (string, error) {
	port, err := FreePort()
	if err != nil {
		return "", err
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), nil
}
