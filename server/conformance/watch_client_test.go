package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// watchClientCases: watches as the stock client makes them.
func watchClientCases(s *suite) {
	s.run("prefix", func(t *testing.T, e *env) {
		ch := e.client.Watch(e.ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithPrevKV())
		e.put(t, "ready", "x")
		// The client creates watches lazily; probe until it sees a write.
		first := firstEvent(t, e, ch)
		rev := e.put(t, "a", "1")
		for first.Kv.ModRevision < rev {
			first = firstEvent(t, e, ch)
		}
		require.True(t, first.IsCreate())
		require.Equal(t, "1", string(first.Kv.Value))
	})
	s.run("created_notify", func(t *testing.T, e *env) {
		ch := e.client.Watch(e.ctx, e.prefix, clientv3.WithCreatedNotify())
		resp := receive(t, e, ch)
		require.True(t, resp.Created)
	})
	s.run("from_revision_with_filter", func(t *testing.T, e *env) {
		rev := e.put(t, "a", "1")
		e.del(t, "a")
		ch := e.client.Watch(e.ctx, string(e.key("a")), clientv3.WithRev(rev), clientv3.WithFilterPut())
		ev := firstEvent(t, e, ch)
		require.Equal(t, clientv3.EventTypeDelete, ev.Type)
	})
	s.run("fragments_are_joined", func(t *testing.T, e *env) {
		value := make([]byte, 800_000)
		first := e.put(t, "0", string(value))
		for _, name := range []string{"1", "2", "3"} {
			e.put(t, name, string(value))
		}
		ch := e.client.Watch(e.ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFragment())
		var n int
		for n < 4 {
			n += len(receive(t, e, ch).Events)
		}
		require.Equal(t, 4, n)
	})
	s.run("request_progress", func(t *testing.T, e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		defer cancel()
		ch := e.client.Watch(ctx, e.prefix, clientv3.WithCreatedNotify())
		require.True(t, receive(t, e, ch).Created)
		for {
			require.NoError(t, e.client.RequestProgress(ctx))
			select {
			case progress := <-ch:
				require.NoError(t, progress.Err())
				require.True(t, progress.IsProgressNotify())
				return
			case <-time.After(time.Second): // etcd lets go of a request that comes before the watch is in step
			case <-e.ctx.Done():
				require.FailNow(t, "no progress")
			}
		}
	})
	s.run("cancel_closes_the_channel", func(t *testing.T, e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		ch := e.client.Watch(ctx, e.prefix, clientv3.WithCreatedNotify())
		require.True(t, receive(t, e, ch).Created)
		cancel()
		e.until(t, "the channel's end", func() bool {
			select {
			case _, open := <-ch:
				return !open
			default:
				return false
			}
		})
	})
}

func receive(t *testing.T, e *env, ch clientv3.WatchChan) clientv3.WatchResponse {
	t.Helper()
	select {
	case resp, open := <-ch:
		require.True(t, open, "watch channel closed")
		require.NoError(t, resp.Err())
		return resp
	case <-e.ctx.Done():
		require.FailNow(t, "no watch response")
	}
	return clientv3.WatchResponse{}
}

func firstEvent(t *testing.T, e *env, ch clientv3.WatchChan) *clientv3.Event {
	t.Helper()
	for {
		if resp := receive(t, e, ch); len(resp.Events) > 0 {
			return resp.Events[0]
		}
	}
}
