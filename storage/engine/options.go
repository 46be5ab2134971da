package engine

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where and how an engine runs. The zero value is usable.
type Options struct {
	FS            vfs.FS        // nil: the disk
	CacheBytes    int64         // block cache; 0: 128 MiB
	MemTableBytes uint64        // size of one memtable; 0: 32 MiB
	Still         bool          // run no LSM compactions by itself
	FlushInterval time.Duration // an engine that nothing is written to flushes after it, see pace; 0: 5 s; negative: by no clock or count at all
	Logger        *slog.Logger  // nil: discards
	Fatal         func(error)   // told of ErrFatal, once; it must not block; nil: a panic instead
	Damaged       func(error)   // told of every block that is not what was written; it must not block; nil: nobody
}

// withDefaults fills in what was left zero.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 128 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Damaged == nil {
		o.Damaged = func(error) {}
	}
	return o
}

// formatMajorVersion is set explicitly: unset means Pebble's oldest format.
const formatMajorVersion = pebble.FormatValueSeparation

// pebbleOptions are the settings the measurements in docs/performance.md and docs/decisions chose.
func (o Options) pebbleOptions() *pebble.Options {
	p := &pebble.Options{
		FS:                          markerFS{o.FS},
		Comparer:                    comparer,
		FormatMajorVersion:          formatMajorVersion,
		DisableWAL:                  true,
		CacheSize:                   o.CacheBytes, // of which Pebble takes what memtables need
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		DisableAutomaticCompactions: o.Still,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                1000,
		Logger:                      logger{o.Logger, o.Fatal},
		// Pebble's default ends the process. Here the read that met the damage
		// fails with ErrCorrupt, and whoever opened the engine decides what becomes of it.
		EventListener: &pebble.EventListener{DataCorruption: func(i pebble.DataCorruptionInfo) {
			o.Logger.Error("storage engine met damaged data", "path", i.Path, "error", brief{i.Details})
			o.Damaged(fmt.Errorf("%w: %s: %w", ErrCorrupt, i.Path, brief{i.Details}))
		}},
	}
	for i := range p.Levels {
		p.Levels[i].BlockSize = 32 << 10
		p.Levels[i].IndexBlockSize = 256 << 10
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].FilterType = pebble.TableFilter
	}
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	// A read-triggered compaction locks the database when an iterator is
	// closed; reads here should cost what they read.
	p.Experimental.ReadSamplingMultiplier = -1
	return p
}
