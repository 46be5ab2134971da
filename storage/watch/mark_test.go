package watch

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// noHistory is the history of a store in which nothing happened before the hub.
type noHistory struct{}

func (noHistory) CompactRevision() int64                           { return 0 }
func (noHistory) Events(context.Context, Query) (Page, error)      { return Page{}, nil }
func (noHistory) Previous([]byte, int64) (*mvccpb.KeyValue, error) { return nil, nil }

// TestRevisionOfSeveralKeysIsGivenOnce lets the watcher have its turn between the marks of two keys of
// one revision.
func TestRevisionOfSeveralKeysIsGivenOnce(t *testing.T) {
	h := NewHub(Config{History: noHistory{}, Revision: 4})
	g := h.NewGroup()
	_, err := g.Watch(1, []byte("a"), []byte("z"), 0, Options{})
	require.NoError(t, err)
	put := func(key string) *mvccpb.Event {
		return &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: []byte(key), CreateRevision: 5, ModRevision: 5}}
	}
	h.ring.push([]*slot{newSlot(Revision{Main: 5, Events: []*mvccpb.Event{put("b"), put("c")}})})
	w := g.watchers[1]
	g.mark(w, 5)
	d, err := g.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, d.Events, 2)

	g.mark(w, 5)
	again, progress, err := g.pop()
	require.NoError(t, err)
	require.Nil(t, again)
	require.Nil(t, progress)

	h.ring.push([]*slot{newSlot(Revision{Main: 6, Events: []*mvccpb.Event{put("d")}})})
	g.mark(w, 6)
	d, err = g.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, d.Events, 1)
}

// TestProgressNeverFallsBehindEvents asks for progress between an event and the end of the publication
// that brought it.
func TestProgressNeverFallsBehindEvents(t *testing.T) {
	h := NewHub(Config{History: noHistory{}, Revision: 4})
	g := h.NewGroup()
	_, err := g.Watch(1, []byte("a"), []byte("z"), 0, Options{})
	require.NoError(t, err)

	h.mu.RLock() // Publish, as far as the first mark
	h.ring.push([]*slot{newSlot(Revision{Main: 5, Events: []*mvccpb.Event{{Kv: &mvccpb.KeyValue{Key: []byte("b"), ModRevision: 5}}}})})
	g.mark(g.watchers[1], 5)
	d, err := g.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, d.Events, 1)
	g.RequestProgress(AllWatches)
	answered := make(chan *Delivery)
	go func() {
		d, err := g.Next(t.Context())
		if err != nil {
			d = &Delivery{}
		}
		answered <- d
	}()
	require.Eventually(t, func() bool { // no new reader gets in: Next waits for Publish
		if h.mu.TryRLock() {
			h.mu.RUnlock()
			return false
		}
		return true
	}, 10*time.Second, time.Millisecond)
	h.revision.Store(5)
	h.mu.RUnlock()
	require.EqualValues(t, 5, (<-answered).Revision)
	revision, synced := g.Progress(1)
	require.EqualValues(t, 5, revision)
	require.True(t, synced)
}
