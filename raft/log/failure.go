package log

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// failure remembers the first error after which nothing may be written any more (I4). Pebble reports such errors to its
// logger's Fatalf and expects the process to end; here the log ends, and the member with it.
type failure struct {
	lg *slog.Logger

	mu     sync.Mutex
	err    error
	wedged bool // Pebble panicked inside a write and may hold its locks; it can't be closed
}

func (f *failure) set(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("%w: %w", ErrFailed, brief{err})
		f.lg.Error("raft log failed", "error", brief{err})
	}
	return f.err
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *failure) setWedged() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wedged = true
}

func (f *failure) isWedged() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wedged
}

// Infof passes Pebble's chatter on at debug level.
func (f *failure) Infof(format string, args ...any) {
	f.lg.Debug("pebble", "text", fmt.Sprintf(format, args...))
}

// Errorf passes Pebble's complaints on.
func (f *failure) Errorf(format string, args ...any) {
	f.lg.Warn("pebble", "text", firstLine(fmt.Sprintf(format, args...)))
}

// Fatalf records the failure.
func (f *failure) Fatalf(format string, args ...any) {
	_ = f.set(fmt.Errorf(format, args...))
}

// listener fails the log on errors of Pebble's background work, which Pebble would retry.
func (f *failure) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { _ = f.set(err) },
		DataCorruption:  func(i pebble.DataCorruptionInfo) { _ = f.set(fmt.Errorf("%w: %s: %w", ErrCorrupt, i.Path, i.Details)) },
	}
}
