package engine

import (
	"context"
	"fmt"
	"log/slog"
)

// logger hands Pebble's own messages to slog. They are about flushes and
// compactions: debug for an operator, except failures.
type logger struct {
	l     *slog.Logger
	fatal func(error) // nil: there is nobody to tell
}

// Infof is for Pebble's reports on its own work.
func (g logger) Infof(format string, args ...any) {
	if g.l.Enabled(context.Background(), slog.LevelDebug) {
		g.l.Debug("storage engine", "detail", fmt.Sprintf(format, args...))
	}
}

// Errorf is for failures Pebble goes on from, such as a full disk.
func (g logger) Errorf(format string, args ...any) {
	g.l.Error("storage engine", "error", fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it when a write to its manifest failed
// and nobody can tell any more what the folder holds. Whoever opened the engine
// is told, and must end the process: what called this holds Pebble's locks and
// keeps them, so that nothing can be written, and Close would hang.
func (g logger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	g.l.Error("storage engine cannot go on", "error", msg)
	if g.fatal == nil {
		panic("engine: cannot go on: " + msg)
	}
	g.fatal(fmt.Errorf("%w: %s", ErrFatal, msg))
	select {}
}
