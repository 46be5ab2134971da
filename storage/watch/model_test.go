package watch

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"
)

// watched is one watch of the model test and all it was given.
type watched struct {
	id       int64
	key, end []byte
	o        Options
	start    int64
	events   []*mvccpb.Event
	revision int64 // of the newest delivery
	ended    bool
}

// modelTest drives one group over a naive history.
type modelTest struct {
	f       *fakeHistory
	h       *Hub
	g       *Group
	watches map[int64]*watched
	nextID  int64
}

// take checks one delivery.
func (m *modelTest) take(t *rapid.T, d *Delivery) {
	if d.ID == AllWatches {
		require.Empty(t, d.Events)
		for _, w := range m.watches {
			m.complete(t, w, d.Revision)
		}
		return
	}
	w := m.watches[d.ID]
	require.NotNil(t, w, "delivery for unknown watch %d", d.ID)
	require.False(t, w.ended, "delivery after the end")
	if d.CompactRevision != 0 {
		// I3: it ends only for history that is gone, and that it needs.
		require.Equal(t, m.f.compacted, d.CompactRevision)
		require.Less(t, max(w.start, w.revision+1), d.CompactRevision)
		require.Empty(t, d.Events)
		w.ended = true
		delete(m.watches, d.ID)
		return
	}
	require.NotEmpty(t, d.Events)
	w.events = append(w.events, d.Events...)
	require.GreaterOrEqual(t, d.Revision, d.Events[len(d.Events)-1].Kv.ModRevision)
	require.Greater(t, d.Revision, w.revision)
	w.revision = d.Revision
	m.complete(t, w, d.Revision)
}

// complete says that w was given exactly what it is due up to a revision.
func (m *modelTest) complete(t *rapid.T, w *watched, revision int64) {
	want := m.f.events(w.key, w.end, w.o, w.start, revision)
	require.Len(t, w.events, len(want), "watch %d [%q, %q) from %d, up to %d", w.id, w.key, w.end, w.start, revision)
	for i, ev := range w.events {
		require.Equal(t, want[i].Type, ev.Type)
		require.Same(t, want[i].Kv, ev.Kv)
		if !w.o.PrevKV {
			require.Nil(t, ev.PrevKv)
		} else if prev := m.f.at(string(ev.Kv.Key), ev.Kv.ModRevision-1); prev == nil {
			require.Nil(t, ev.PrevKv)
		} else if ev.PrevKv != nil || ev.Kv.ModRevision-1 >= m.f.compacted {
			require.Same(t, prev, ev.PrevKv)
		}
	}
}

// TestModel checks I1 to I4 against a naive history under random writes,
// watches, cancellations, compactions, snapshots and reading of any pace.
func TestModel(t *testing.T) {
	keys := []string{"a", "b", "c", "d", "e"}
	genKey := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "-a", "-b", "-c"})
	rapid.Check(t, func(t *rapid.T) {
		f := newFakeHistory()
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			f.write(rapid.SliceOfN(genKey, 1, 3).Draw(t, "keys")...)
		}
		h := f.hub(rapid.IntRange(1, 40).Draw(t, "ring"))
		m := &modelTest{f: f, h: h, g: h.NewGroup(), watches: map[int64]*watched{}}
		write := func() (rs []Revision) {
			for range rapid.IntRange(1, 6).Draw(t, "revisions") {
				if r, ok := f.write(rapid.SliceOfN(genKey, 1, 4).Draw(t, "keys")...); ok {
					rs = append(rs, r)
				}
			}
			return rs
		}
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) { h.Publish(write()) },
			"watch": func(t *rapid.T) {
				w := &watched{id: m.nextID, key: []byte(rapid.SampledFrom(keys).Draw(t, "key"))}
				m.nextID++
				switch rapid.IntRange(0, 2).Draw(t, "range") {
				case 1:
					w.end = []byte{0}
				case 2:
					w.end = []byte(string(w.key[0]+1) + "x")
				}
				w.o = Options{
					NoPut: rapid.IntRange(0, 5).Draw(t, "noput") == 0, NoDelete: rapid.IntRange(0, 5).Draw(t, "nodelete") == 0,
					PrevKV: rapid.Bool().Draw(t, "prevkv"),
				}
				asked := rapid.Int64Range(0, h.Revision()+4).Draw(t, "start")
				w.start = asked
				now, err := m.g.Watch(w.id, w.key, w.end, asked, w.o)
				require.NoError(t, err)
				require.Equal(t, h.Revision(), now)
				if asked == 0 {
					w.start = now + 1
				}
				m.watches[w.id] = w
			},
			"cancel": func(t *rapid.T) {
				id := rapid.Int64Range(0, m.nextID).Draw(t, "id")
				require.Equal(t, m.watches[id] != nil, m.g.Cancel(id))
				delete(m.watches, id)
			},
			"step": func(t *rapid.T) {
				if d, _ := m.g.step(t); d != nil {
					m.take(t, d)
				}
			},
			"progress": func(*rapid.T) { m.g.RequestProgress(AllWatches) },
			"compact": func(t *rapid.T) {
				f.compact(rapid.Int64Range(0, h.Revision()).Draw(t, "revision"))
			},
			"snapshot": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "rarely") == 0 {
					write()
					h.Reset(f.current())
				}
			},
			"": func(t *rapid.T) {
				if now, synced := m.g.ProgressAll(); synced {
					for _, w := range m.watches {
						m.complete(t, w, now)
					}
				}
			},
		})
		for _, d := range m.g.drain(t) {
			m.take(t, d)
		}
		for id, w := range m.watches {
			m.complete(t, w, h.Revision())
			_, synced := m.g.Progress(id)
			require.Equal(t, w.start <= h.Revision()+1 && m.g.watchers[id].asked <= h.Revision(), synced)
		}
	})
}

// TestIntervals compares the tree with a list while ranges come and go.
func TestIntervals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		x.keys = map[string]*bucket{}
		var all []*watcher
		key := func() []byte { return rapid.SliceOfN(rapid.ByteRange('a', 'e'), 0, 3).Draw(t, "key") }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(all) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				x.remove(all[i])
				all = slices.Delete(all, i, i+1)
			} else {
				end := key()
				if rapid.IntRange(0, 4).Draw(t, "open") == 0 {
					end = []byte{0}
				}
				s, err := newSpan(key(), end)
				if err != nil {
					continue
				}
				w := &watcher{id: int64(len(all)), span: s}
				x.add(w)
				all = append(all, w)
			}
			k := key()
			var want, got []*watcher
			for _, w := range all {
				if w.span.contains(k) {
					want = append(want, w)
				}
			}
			x.match(k, func(w *watcher) { got = append(got, w) })
			require.ElementsMatch(t, want, got)
		}
		for _, w := range all {
			x.remove(w)
		}
		require.Nil(t, x.ranges.root)
		require.Empty(t, x.keys)
	})
}

// TestBadWatches are refused with etcd's texts.
func TestBadWatches(t *testing.T) {
	g := newFakeHistory().hub(10).NewGroup()
	_, err := g.Watch(1, []byte("b"), []byte("a"), 0, Options{})
	require.EqualError(t, err, "mvcc: watcher range is empty")
	_, err = g.Watch(1, []byte("b"), []byte("b"), 0, Options{})
	require.ErrorIs(t, err, ErrEmptyRange)
	_, err = g.Watch(1, []byte("b"), nil, 0, Options{})
	require.NoError(t, err)
	_, err = g.Watch(1, []byte("c"), nil, 0, Options{})
	require.EqualError(t, err, "mvcc: duplicate watch ID provided on the WatchStream")
	g.Close()
	_, err = g.Watch(2, []byte("c"), nil, 0, Options{})
	require.ErrorIs(t, err, ErrClosed)
	require.False(t, g.Cancel(1))
	_, err = g.Next(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}

// BenchmarkPublishNobody is a put that nobody watches, beside 10,000 watchers
// of other keys and ranges.
func BenchmarkPublishNobody(b *testing.B) {
	h := newFakeHistory().hub(1000)
	for i := range 10_000 {
		g := h.NewGroup()
		end := []byte(nil)
		if i%10 == 0 {
			end = fmt.Appendf(nil, "watched/%05d/z", i)
		}
		_, err := g.Watch(0, fmt.Appendf(nil, "watched/%05d/", i), end, 0, Options{})
		require.NoError(b, err)
	}
	ev := &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: []byte("watched/05000x")}}
	b.ReportAllocs()
	for i := int64(2); b.Loop(); i++ {
		h.Publish([]Revision{{Main: i, Events: []*mvccpb.Event{ev}}})
	}
}

// BenchmarkPublishAll is a put that 10,000 watchers of as many streams want.
func BenchmarkPublishAll(b *testing.B) {
	h := newFakeHistory().hub(1000)
	var groups []*Group
	for range 10_000 {
		g := h.NewGroup()
		groups = append(groups, g)
		_, err := g.Watch(0, []byte("a"), []byte("b"), 0, Options{})
		require.NoError(b, err)
	}
	for i := int64(2); b.Loop(); i++ {
		h.Publish([]Revision{{Main: i, Events: []*mvccpb.Event{{Kv: &mvccpb.KeyValue{Key: []byte("a/x"), ModRevision: i}}}}})
		b.StopTimer()
		for _, g := range groups {
			g.drain(b)
		}
		b.StartTimer()
	}
}
