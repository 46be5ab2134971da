package rpc

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/mem"
)

// TestMain finds goroutines that a test left (I5), and buffers of messages that are given back twice or used afterwards.
func TestMain(m *testing.M) {
	pool = &poisoned{BufferPool: pool, taken: map[*[]byte]bool{}}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// poisoned is a pool whose buffers are overwritten when they are given back, which they may be once.
type poisoned struct {
	mem.BufferPool
	mu    sync.Mutex
	taken map[*[]byte]bool
}

// Get implements mem.BufferPool.
func (p *poisoned) Get(n int) *[]byte {
	b := p.BufferPool.Get(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[b] = true
	return b
}

// Put implements mem.BufferPool.
func (p *poisoned) Put(b *[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.taken[b] {
		panic("a buffer was given back that is not taken")
	}
	delete(p.taken, b)
	for i := range (*b)[:cap(*b)] {
		(*b)[:cap(*b)][i] = 0xdb
	}
	p.BufferPool.Put(b)
}

// out is how many buffers are taken.
func (p *poisoned) out() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.taken)
}
