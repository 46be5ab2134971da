package log

import (
	"fmt"
	"log/slog"
	"sync"
)

// failure remembers the first error after which nothing may be written any more (I4).
type failure struct {
	logger *slog.Logger

	mu  sync.Mutex
	err error
}

// set makes an error the log's end, unless it is nil or the log has ended already, and returns why it has.
func (f *failure) set(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("%w: %w", ErrFailed, err)
		f.logger.Error("raft log failed", "error", err)
	}
	return f.err
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
