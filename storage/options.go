package storage

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/storage/engine"
)

// Options say where and how a store runs. The zero value is usable.
type Options struct {
	FS            vfs.FS                // nil: the disk
	CacheBytes    int64                 // block cache; 0: 128 MiB
	MemTableBytes uint64                // 0: 32 MiB
	FlushInterval time.Duration         // a store that nothing is written to flushes after it; 0: 5 s; negative: by no clock or count at all
	Logger        *slog.Logger          // nil: discards
	Still         bool                  // remove no compacted history and run no LSM compactions: the state is only looked at
	Fatal         func(error)           // told when the state cannot go on, nor be closed; nil: a panic instead
	Damaged       func(error)           // told of damage that is met while the state is open; it must not block; nil: nobody
	Registerer    prometheus.Registerer // nil: no metrics

	// Recent events are kept in memory for watchers, up to either bound.
	WatchRingEvents int // 0: 32768
	WatchRingBytes  int // 0: 32 MiB

	// Compacted history is removed in batches, with a rest after each while
	// there are writes.
	CompactionBatchRows int           // changes of history per batch; 0: 1000
	CompactionPause     time.Duration // 0: 10 ms
}

// withDefaults fills in what the facade itself needs.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// engine is the engine's share of the options.
func (o Options) engine() engine.Options {
	return engine.Options{
		FS:            o.FS,
		CacheBytes:    o.CacheBytes,
		MemTableBytes: o.MemTableBytes,
		FlushInterval: o.FlushInterval,
		Logger:        o.Logger,
		Still:         o.Still,
		Fatal:         o.Fatal,
		Damaged:       o.Damaged,
	}
}
