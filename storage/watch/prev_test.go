package watch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// largeHistory is the history of a store whose keys were all large before.
type largeHistory struct{ noHistory }

// Previous implements History.
func (largeHistory) Previous(key []byte, revision int64) (*mvccpb.KeyValue, error) {
	return &mvccpb.KeyValue{Key: key, Value: make([]byte, 10_000), ModRevision: revision - 1}, nil
}

// Deletions are small until a watcher asks for what they deleted: that counts
// in the ring and in a turn as any other value does.
func TestPreviousValuesAreBounded(t *testing.T) {
	h := NewHub(Config{History: largeHistory{}, Revision: 4, RingBytes: 100_000, Turn: Limits{Bytes: 30_000}})
	g := h.NewGroup()
	_, err := g.Watch(1, []byte("a"), []byte("z"), 0, Options{PrevKV: true})
	require.NoError(t, err)
	for r := int64(5); r < 25; r++ {
		key := fmt.Appendf(nil, "k%d", r)
		h.Publish([]Revision{{Main: r, Events: []*mvccpb.Event{
			{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: key, ModRevision: r}},
		}}})
	}
	require.Equal(t, 20, h.ring.n)
	for given := 0; given < 9; {
		d, err := g.Next(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, len(d.Events), 3)
		given += len(d.Events)
	}
	for h.ring.n > 1 { // the rest, as another watcher may read it
		s := h.ring.slots[h.ring.head]
		h.ring.charge(s, 10_000)
		require.LessOrEqual(t, h.ring.bytes, 100_000)
		if h.ring.slots[h.ring.head] == s {
			h.ring.drop()
			h.ring.charge(s, 10_000) // gone: counts no more
		}
	}
	held := h.ring.slots[h.ring.head]
	require.Equal(t, held.bytes, h.ring.bytes)
}

// A previous value that is compacted is not shown, also when another watcher had it looked up before.
func TestCompactedPreviousValueIsNotShown(t *testing.T) {
	f := newFakeHistory()
	f.write("a") // revision 2
	h := f.hub(16)
	g := h.NewGroup()
	watch := func(id, start int64) *mvccpb.Event {
		_, err := g.Watch(id, []byte("a"), nil, start, Options{PrevKV: true})
		require.NoError(t, err)
		given := g.drain(t)
		require.Len(t, given, 1)
		require.Len(t, given[0].Events, 1)
		return given[0].Events[0]
	}
	r, _ := f.write("a")
	h.Publish([]Revision{r})
	require.NotNil(t, watch(1, 3).PrevKv)
	f.compact(3)
	require.Nil(t, watch(2, 3).PrevKv)
}
