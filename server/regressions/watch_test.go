package regressions

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/watch"
)

// tiny is a store that keeps one event in memory: every other one is read from its history.
var tiny = storage.Options{WatchRingEvents: 1}

// watched begins a watch of [key, end) from a revision on, 0 for now, on a stream of its own.
func watched(m *member, key, end string, start int64) *watch.Group {
	m.t.Helper()
	g := m.store.NewWatchGroup()
	m.t.Cleanup(g.Close)
	_, err := g.Watch(1, []byte(key), []byte(end), start, watch.Options{})
	require.NoError(m.t, err)
	return g
}

// patience is how long a stream waits for what must come.
const patience = 20 * time.Second

// next is what a stream is given next.
func next(t *testing.T, g *watch.Group) *watch.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := g.Next(ctx)
	require.NoError(t, err, "nothing comes")
	require.Zero(t, d.CompactRevision)
	return d
}

// revisionsTo are those of the events that a stream is given, up to a revision that has one.
func revisionsTo(t *testing.T, g *watch.Group, last int64) (all []int64) {
	t.Helper()
	for len(all) == 0 || all[len(all)-1] < last {
		for _, ev := range next(t, g).Events {
			all = append(all, ev.Kv.ModRevision)
		}
	}
	return all
}

// revisions are those from first to last.
func revisions(first, last int64) (all []int64) {
	for r := first; r <= last; r++ {
		all = append(all, r)
	}
	return all
}

// etcd answered a request for progress at once, beside the events that were still on their way. Kubernetes took the revision for
// the one its cache had come to, and served from it what was older. The promise: who is told a revision has been given
// every event up to it.
func TestEtcd15220(t *testing.T) {
	m := newMember(t, vfs.NewMem(), tiny)
	g := watched(m, "k", "l", 0)
	given, told := int64(1), 0
	for round := range 20 {
		for i := range 1 + round%3 {
			m.put(fmt.Sprint("k", i))
		}
		now := m.store.Revision()
		g.RequestProgress(watch.AllWatches)
		for progress := int64(0); progress < now; {
			d := next(t, g)
			for _, ev := range d.Events {
				require.Equal(t, given+1, ev.Kv.ModRevision)
				given++
			}
			if len(d.Events) == 0 {
				progress = d.Revision
				require.GreaterOrEqual(t, given, progress, "events up to it are still to come")
				told++
			}
		}
	}
	require.Equal(t, 20, told)
}

// A member of etcd that was cut off and came back by a snapshot began its watches again where they once had begun, and their
// clients saw old events after newer ones. The promise: a watch goes on where it was.
func TestEtcd15271(t *testing.T) {
	leader, m := newMember(t, vfs.NewMem(), storage.Options{}), newMember(t, vfs.NewMem(), storage.Options{})
	for _, each := range []*member{leader, m} {
		each.put("k", "k", "k") // revisions 2 to 4
	}
	fromTwo, fromNow, untouched := watched(m, "k", "", 2), watched(m, "k", "l", 0), watched(m, "z", "", 0)
	require.Equal(t, revisions(2, 4), revisionsTo(t, fromTwo, 4))
	leader.put("k", "k", "z") // 5 to 7, while m is cut off
	m.install(leader.snapshot())
	m.put("k", "z") // 8 and 9
	require.Equal(t, []int64{5, 6, 8}, revisionsTo(t, fromTwo, 8))
	require.Equal(t, []int64{5, 6, 8}, revisionsTo(t, fromNow, 8))
	require.Equal(t, []int64{7, 9}, revisionsTo(t, untouched, 9))
}

// A watcher of etcd's that could not keep up was moved aside, and what came meanwhile could be left out when its turn came. The
// promise: every event is delivered, or the watch ends and says why.
func TestEtcd17529(t *testing.T) {
	m := newMember(t, vfs.NewMem(), tiny)
	var streams []*watch.Group
	for range 50 {
		streams = append(streams, watched(m, "k", "l", 0))
	}
	at := int64(1)
	for range 4 {
		for range 300 {
			m.put("k")
		}
		last := m.store.Revision()
		for _, g := range streams {
			require.Equal(t, revisions(at+1, last), revisionsTo(t, g, last))
		}
		at = last
	}
}

// requireDeletion reads a stream whose next event must be the deletion of "a" at revision 3.
func requireDeletion(t *testing.T, g *watch.Group) {
	t.Helper()
	events := next(t, g).Events
	require.NotEmpty(t, events)
	require.Equal(t, mvccpb.Event_DELETE, events[0].Type)
	require.EqualValues(t, 3, events[0].Kv.ModRevision)
}

// A slow watcher of etcd's lost the event of a deletion when the history was compacted at just that revision: the row was removed
// as superseded, while the watcher counted as within the history. The promise: what is not below the compact revision is
// still delivered.
func TestEtcd18089(t *testing.T) {
	m := newMember(t, vfs.NewMem(), tiny)
	m.put("a") // revision 2
	one, several := watched(m, "a", "", 0), watched(m, "a", "b", 0)
	m.del("a") // 3
	m.put("b", "b")
	m.compact(3)
	requireDeletion(t, one)
	requireDeletion(t, several)
}

// The same for a watch that is opened at the compact revision: its first event was missing.
func TestEtcd19179(t *testing.T) {
	m := newMember(t, vfs.NewMem(), tiny)
	m.put("a")
	m.del("a") // revision 3
	m.put("b", "b")
	m.compact(3)
	m.restart()
	requireDeletion(t, watched(m, "a", "", 3))
	requireDeletion(t, watched(m, "a", "b", 3))
}

// A watch of etcd's that asked for a revision of the future was told of progress before, as if it had seen everything up to there.
// The promise: what lies before its start does not exist for a watch.
func TestEtcd20221Notifications(t *testing.T) {
	m := newMember(t, vfs.NewMem(), storage.Options{})
	m.put("k") // revision 2
	g := watched(m, "k", "", 5)
	g.RequestProgress(1)
	g.RequestProgress(watch.AllWatches)
	m.put("k", "k", "k")
	d := next(t, g)
	require.Len(t, d.Events, 1, "not a notification")
	require.EqualValues(t, 5, d.Events[0].Kv.ModRevision)
}

// The same of events: older ones were delivered once the watch was in step with the others, or a snapshot was installed.
func TestEtcd20221OldEvents(t *testing.T) {
	leader, m := newMember(t, vfs.NewMem(), storage.Options{}), newMember(t, vfs.NewMem(), storage.Options{})
	for _, each := range []*member{leader, m} {
		each.put("k", "k")
	}
	live, sent := watched(m, "k", "", 5), watched(m, "k", "", 7)
	m.put("k", "k", "k") // revisions 4 to 6
	require.Equal(t, []int64{5, 6}, revisionsTo(t, live, 6))
	leader.put("k", "k", "k", "k", "k") // to 8
	m.install(leader.snapshot())
	require.Equal(t, []int64{7, 8}, revisionsTo(t, sent, 8))
}
