package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// watchIDCases: many watches on one stream, their ids, cancellation and
// progress.
func watchIDCases(s *suite) {
	s.run("server_counts_from_zero", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		for want := range int64(5) {
			require.Equal(t, want, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId)
		}
	})
	s.run("client_chooses", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		require.EqualValues(t, 77, w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: 77}).WatchId)
		e.put(t, "a", "1")
		require.EqualValues(t, 77, w.next(t).WatchId)
	})
	s.run("server_steps_over_the_clients", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		require.EqualValues(t, 1, w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: 1}).WatchId)
		require.EqualValues(t, 0, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId)
		require.EqualValues(t, 2, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId)
	})
	s.run("duplicate_is_refused", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: 5})
		resp := w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: 5})
		require.True(t, resp.Canceled)
		require.EqualValues(t, -1, resp.WatchId)
		require.Contains(t, resp.CancelReason, "duplicate watch ID")
		e.put(t, "a", "1")
		require.EqualValues(t, 5, w.next(t).WatchId, "the first watch lives on")
	})
	s.run("id_is_free_again_after_cancel", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		for range 2 {
			require.False(t, w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: 5}).Canceled)
			w.cancelWatch(t, 5)
			require.True(t, w.next(t).Canceled)
		}
	})
	s.run("cancel_is_answered_and_final", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		other := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		w.cancelWatch(t, id)
		resp := w.next(t)
		require.True(t, resp.Canceled)
		require.Equal(t, id, resp.WatchId)
		require.Zero(t, resp.CompactRevision)
		e.put(t, "a", "1")
		w.events(t, other, 1)
		w.quiet(t)
	})
	s.run("cancel_of_unknown_is_ignored", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.cancelWatch(t, 12345)
		id := w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).WatchId
		e.put(t, "a", "1")
		w.events(t, id, 1)
	})
	s.run("empty_request_is_ignored", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.send(t, &pb.WatchRequest{})
		require.True(t, w.create(t, &pb.WatchCreateRequest{Key: e.key("a")}).Created)
	})
	s.run("each_watch_gets_its_own", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		for i := range 100 {
			w.create(t, &pb.WatchCreateRequest{Key: e.key(fmt.Sprint(i)), WatchId: int64(i + 1)})
		}
		for i := range 100 {
			e.put(t, fmt.Sprint(i), "v")
		}
		seen := map[int64]string{}
		for len(seen) < 100 {
			resp := w.next(t)
			require.Len(t, resp.Events, 1)
			seen[resp.WatchId] = string(resp.Events[0].Kv.Key)
		}
		for i := range 100 {
			require.Equal(t, string(e.key(fmt.Sprint(i))), seen[int64(i+1)])
		}
	})
	s.run("same_key_many_times", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		for i := range int64(20) {
			w.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: i + 1})
		}
		e.put(t, "a", "v")
		seen := map[int64]bool{}
		for len(seen) < 20 {
			resp := w.next(t)
			require.Len(t, resp.Events, 1)
			require.False(t, seen[resp.WatchId])
			seen[resp.WatchId] = true
		}
	})
	s.run("streams_do_not_share_ids", func(t *testing.T, e *env) {
		one, two := e.watchStream(t), e.watchStream(t)
		require.EqualValues(t, 9, one.create(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: 9}).WatchId)
		require.EqualValues(t, 9, two.create(t, &pb.WatchCreateRequest{Key: e.key("b"), WatchId: 9}).WatchId)
		e.put(t, "b", "1")
		two.events(t, 9, 1)
		one.quiet(t)
	})
	s.run("progress_on_request", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key("a")})
		w.create(t, &pb.WatchCreateRequest{Key: e.key("b")})
		rev := e.put(t, "elsewhere", "1")
		e.until(t, "a progress response at the revision of the write", func() bool {
			w.requestProgress(t)
			resp := w.next(t)
			require.EqualValues(t, -1, resp.WatchId)
			require.Empty(t, resp.Events)
			require.False(t, resp.Created || resp.Canceled)
			return resp.Header.Revision >= rev
		})
	})
	s.run("progress_follows_the_events", func(t *testing.T, e *env) {
		w := e.watchStream(t)
		w.create(t, &pb.WatchCreateRequest{Key: e.key(""), RangeEnd: e.end()})
		var last int64
		for i := range 50 {
			last = e.put(t, fmt.Sprint(i), "v")
		}
		w.requestProgress(t)
		var events int
		for {
			resp := w.next(t)
			events += len(resp.Events)
			if resp.WatchId == -1 {
				if resp.Header.Revision >= last {
					require.Equal(t, 50, events, "progress says that nothing before it is outstanding")
				}
				break
			}
		}
	})
	s.run("many_watches_with_history", func(t *testing.T, e *env) {
		first := e.put(t, "a", "0")
		for i := 1; i < 20; i++ {
			e.put(t, "a", fmt.Sprint(i))
		}
		w := e.watchStream(t)
		for i := range int64(30) {
			w.ask(t, &pb.WatchCreateRequest{Key: e.key("a"), WatchId: i + 1, StartRevision: first})
		}
		created, events := map[int64]bool{}, map[int64]int{}
		for done := 0; done < 30; {
			resp := w.next(t)
			if resp.Created {
				created[resp.WatchId] = true
				continue
			}
			require.True(t, created[resp.WatchId], "events before the answer to the request")
			for _, ev := range resp.Events {
				require.Equal(t, fmt.Sprint(events[resp.WatchId]), string(ev.Kv.Value))
				events[resp.WatchId]++
			}
			if events[resp.WatchId] == 20 {
				done++
			}
		}
	})
}
