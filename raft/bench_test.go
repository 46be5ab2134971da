package raft

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// counter is a state machine that only counts, so that the benchmark shows what raft and log cost.
type counter struct {
	machine
	applied atomic.Int64
	news    chan struct{}
}

func (s *counter) Apply(entries []*raftpb.Entry) error {
	s.applied.Add(int64(len(entries)))
	select {
	case s.news <- struct{}{}:
	default:
	}
	return nil
}

// BenchmarkPropose proposes 256 bytes from many goroutines to a cluster of one and waits until all of them are applied.
func BenchmarkPropose(b *testing.B) {
	for _, clients := range []int{1, 1000} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) { benchmarkPropose(b, clients) })
	}
}

func benchmarkPropose(b *testing.B, clients int) {
	l, err := log.Open(b.TempDir(), log.Options{FS: vfs.Default})
	if err != nil {
		b.Fatal(err)
	}
	sm := &counter{news: make(chan struct{}, 1)}
	n, err := NewNode(Config{
		ID: 1, TickInterval: 100 * testTick, ElectionTicks: testElection, Log: l, StateMachine: sm,
		ConfState: &raftpb.ConfState{Voters: []uint64{1}}, Send: func([]*raftpb.Message) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	data := make([]byte, 256)
	if err := n.Propose(ctx, data); err != nil { // waits for the leader
		b.Fatal(err)
	}
	for sm.applied.Load() < 2 {
		<-sm.news
	}
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	start := sm.applied.Load()
	tokens := make(chan struct{}, clients) // as many proposals are under way as there are clients
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		seen := start
		for seen < start+int64(b.N) {
			<-sm.news
			for now := sm.applied.Load(); seen < now; seen++ {
				<-tokens
			}
		}
	}()
	var wg sync.WaitGroup
	for range min(clients, 8) {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				tokens <- struct{}{}
				if err := n.Propose(ctx, data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	<-finished
	b.StopTimer()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
