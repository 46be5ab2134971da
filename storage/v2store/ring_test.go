package v2store

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
)

// records is a history whose events are made anew by each read, as from a disk.
type records struct {
	last uint64
	make func(index uint64) *Event
}

func (r *records) Index() uint64 { return r.last }
func (r *records) Event(index uint64) (*Event, error) {
	if index == 0 || index > r.last || index+schema.V2EventsKept <= r.last {
		return nil, nil
	}
	return r.make(index), nil
}
func (r *records) EachEvent(fn func(*Event)) error {
	for i := uint64(1); i <= r.last; i++ {
		if e, _ := r.Event(i); e != nil {
			fn(e)
		}
	}
	return nil
}

// longKeys is a history of keys of half a megabyte; every other lies in /1/even, and the last name of each is its own.
func longKeys(last uint64) *records {
	middle := strings.Repeat("x", 512<<10)
	return &records{last: last, make: func(index uint64) *Event {
		key := []string{"/1/even/", "/1/odd/"}[index%2] + middle + "/" + string(rune('0'+index%10))
		return &Event{Action: Set, Node: &Node{Key: key, ModifiedIndex: index}, Index: index}
	}}
}

// TestRingOfLongKeysIsBounded keeps 1000 events whose keys are 512 MiB together.
func TestRingOfLongKeysIsBounded(t *testing.T) {
	h, err := NewHub(longKeys(0))
	require.NoError(t, err)
	history := longKeys(schema.V2EventsKept)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	require.NoError(t, history.EachEvent(func(e *Event) { h.Publish([]Change{{Event: e}}) }))
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(2*ringBytesMax))
	runtime.KeepAlive(h)
}

// TestWatchesFindLongKeysThatWereDropped: what is not in memory is matched by its record.
func TestWatchesFindLongKeysThatWereDropped(t *testing.T) {
	history := longKeys(100)
	h, err := NewHub(history)
	require.NoError(t, err)
	require.True(t, h.ring.at(8).cut)
	for name, c := range map[string]struct {
		path      string
		recursive bool
		want      uint64
	}{
		"its key":                       {history.make(8).Node.Key, false, 8},
		"a key that differs at its end": {history.make(5).Node.Key, false, 5},
		"the directory":                 {"/1/even", true, 2},
		"everything":                    {"/", true, 1},
		"the directory alone":           {"/1/even", false, 0},
		"a part of the key":             {history.make(8).Node.Key[:slotKeyMax], true, 0},
		"more than the key":             {history.make(8).Node.Key + "/y", true, 0},
	} {
		w, err := h.Watch(c.path, c.recursive, false, 1)
		require.NoError(t, err, name)
		require.Equal(t, c.want, w.pending, name)
		if c.want != 0 {
			e, err := w.Next(t.Context())
			require.NoError(t, err, name)
			require.Equal(t, c.want, e.Node.ModifiedIndex, name)
		}
		w.Close()
	}
}
