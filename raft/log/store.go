package log

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
	"github.com/prometheus/client_golang/prometheus"
)

// memTableBytes is about three times the tail that is kept: entries are then erased before they are ever flushed, or soon
// after, and the store stays small.
const memTableBytes = 64 << 20

// store is the Log on a Pebble store.
type store struct {
	db     *pebble.DB
	cache  *pebble.Cache
	fail   *failure
	mark   *watermark
	m      *metrics
	reg    prometheus.Registerer
	erasMu sync.Mutex // held by Compact and Reset, which must not run beside each other

	mu     sync.RWMutex // guards what follows; never held during a write to disk
	hs     hardState
	begin  begin
	last   uint64
	synced mark // as of the newest synced write
	tail   tail
	meta   []byte
}

// pebbleOptions are the same for looking at a store and for opening it, but for readOnly.
func pebbleOptions(fs vfs.FS, failoverDir string, fail *failure, cache *pebble.Cache, readOnly bool) *pebble.Options {
	o := &pebble.Options{
		FS:                    dirSyncFS{fs},
		FormatMajorVersion:    pebble.FormatTableFormatV6,
		Cache:                 cache,
		MemTableSize:          memTableBytes,
		L0CompactionThreshold: 2,
		MaxOpenFiles:          64,
		Logger:                fail,
		EventListener:         fail.listener(),
		ReadOnly:              readOnly,
	}
	for i := range o.Levels {
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		o.Levels[i].BlockSize = 32 << 10
	}
	if failoverDir != "" {
		dir := wal.Dir{FS: o.FS, Dirname: failoverDir}
		if readOnly {
			o.WALRecoveryDirs = []wal.Dir{dir}
		} else {
			o.WALFailover = &pebble.WALFailoverOptions{Secondary: dir}
		}
	}
	return o
}

// write applies b. A panic of Pebble (it panics when its log writer failed earlier) becomes an error.
func (s *store) write(b *pebble.Batch, sync bool) (err error) {
	if err := s.fail.get(); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			s.fail.setWedged()
			err = s.fail.set(fmt.Errorf("write: %v", r))
		}
	}()
	size, began := b.Len(), time.Now()
	if !sync {
		err = s.db.Apply(b, pebble.NoSync)
		s.m.writeSeconds.Observe(time.Since(began).Seconds())
	} else {
		// Apply would hand a failed sync to Fatalf and return nil; waiting for the sync ourselves returns it.
		err = s.db.ApplyNoSyncWait(b, pebble.Sync)
		s.m.writeSeconds.Observe(time.Since(began).Seconds())
		if err == nil {
			err = b.SyncWait()
		}
		s.m.fsyncSeconds.Observe(time.Since(began).Seconds())
	}
	if err != nil {
		return s.fail.set(err)
	}
	s.m.writeBytes.Add(float64(size))
	return s.fail.get()
}

// Close implements Log.
func (s *store) Close() error {
	defer s.m.unregister(s.reg)
	err := s.mark.close()
	if s.fail.isWedged() {
		return errors.Join(err, s.fail.get())
	}
	err = errors.Join(err, s.db.Close())
	s.cache.Unref()
	return err
}
