package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroomMin is how much is allocated at least between two collections. A member that keeps little would have its heap collected
// several times a second under small writes: 7 % of the processor time, 2 % with this.
const headroomMin = 64 << 20

// heapMin is what Go takes a smaller heap for: the first collection comes when it has grown by the percentage.
const heapMin = 4 << 20

// paceCollector sets after each collection when the next one comes, until ctx ends. Go doubles what lives by default; but built
// without cgo, Pebble's block cache and memtables are Go's too, a quarter of a gigabyte that the collector need not even look
// into, and as much again would pile up beside it. So the heap grows by what lives apart from these and from what is kept for
// readers. storeBytes tells how much they are. Whoever sets GOGC has decided himself.
func paceCollector(ctx context.Context, storeBytes func() int64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	collected := make(chan struct{}, 1)
	afterCollection(ctx, collected)
	debug.SetGCPercent(gcPercent(liveBytes(), storeBytes())) // log and state have been read by now
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-collected:
				debug.SetGCPercent(gcPercent(liveBytes(), storeBytes()))
			}
		}
	}()
}

// gcPercent is the growth of the heap, in percent of what lives, of which so many bytes are the store's.
func gcPercent(live, store int64) int {
	live = max(live, heapMin)
	return int(max(live-store, headroomMin) * 100 / live)
}

// liveBytes is what the last collection found alive.
func liveBytes() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// afterCollection tells c of each collection: one finds the object that nobody holds, and another takes its place.
func afterCollection(ctx context.Context, c chan<- struct{}) {
	type unheld [16]byte // what is smaller shares its memory with others, and may live as long as they do
	runtime.SetFinalizer(&unheld{}, func(*unheld) {
		if ctx.Err() != nil {
			return
		}
		select {
		case c <- struct{}{}:
		default:
		}
		afterCollection(ctx, c)
	})
}
