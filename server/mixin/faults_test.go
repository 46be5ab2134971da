package mixin

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/process"
)

// kill ends the last n members.
func kill(n int) func(*testing.T, context.Context, *process.Cluster) {
	return func(t *testing.T, _ context.Context, c *process.Cluster) {
		members := c.Members()
		for _, m := range members[len(members)-n:] {
			assert.NoError(t, m.Kill())
		}
	}
}

// loseQuorum ends two of three members and goes on to write to the third.
func loseQuorum(t *testing.T, ctx context.Context, c *process.Cluster) {
	kill(2)(t, ctx, c)
	client := clientOf(t, c.Member(0).ClientURL)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for ctx.Err() == nil {
				short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
				_, _ = client.Put(short, "k", "v") // fails
				cancel()
			}
		})
	}
	writers.Wait()
}

// moveLeaders hands leadership round.
func moveLeaders(t *testing.T, ctx context.Context, c *process.Cluster) {
	var clients []*clientv3.Client
	for _, endpoint := range c.Endpoints() {
		clients = append(clients, clientOf(t, endpoint))
	}
	for ctx.Err() == nil {
		for i, client := range clients {
			st, err := client.Status(ctx, c.Member(i).ClientURL)
			if err != nil || st.Leader != st.Header.MemberId {
				continue
			}
			list, err := client.MemberList(ctx)
			if err != nil {
				continue
			}
			for _, m := range list.Members {
				if m.ID != st.Leader {
					_, _ = client.MoveLeader(ctx, m.ID) // may have been elected away
					break
				}
			}
		}
		pause(ctx, time.Second)
	}
}

// fill writes until the quota is used up, and goes on.
func fill(t *testing.T, ctx context.Context, c *process.Cluster) {
	client := clientOf(t, c.Member(0).ClientURL)
	value := make([]byte, 256<<10)
	for n := 0; ctx.Err() == nil; n++ {
		_, _ = rand.Read(value) // never fails
		if _, err := client.Put(ctx, fmt.Sprintf("k%d", n), string(value)); err != nil {
			pause(ctx, 50*time.Millisecond)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// wireDelay is what each direction between two members takes once it is slow.
const wireDelay = 150 * time.Millisecond

// slowWire stands between members.
type slowWire struct {
	t     *testing.T
	delay atomic.Bool
}

func newSlowWire(t *testing.T) *slowWire { return &slowWire{t: t} }

// attach opens a proxy for a peer URL.
func (w *slowWire) attach(_, listenURL string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(a, strings.TrimPrefix(listenURL, "http://"))
		}
	}()
	return "http://" + l.Addr().String()
}

// serve copies both ways until one ends.
func (w *slowWire) serve(a net.Conn, target string) {
	defer a.Close()
	b, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer b.Close()
	go func() {
		w.copy(a, b)
		a.Close()
		b.Close()
	}()
	w.copy(b, a)
}

func (w *slowWire) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if w.delay.Load() {
			time.Sleep(wireDelay)
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// slow delays everything between the members, while clients go on.
func (w *slowWire) slow(t *testing.T, ctx context.Context, c *process.Cluster) {
	w.delay.Store(true)
	l := startLoad(t, c)
	<-ctx.Done()
	l.stop()
}
