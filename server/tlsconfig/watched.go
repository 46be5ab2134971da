package tlsconfig

import (
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// retryEvery is how long files that could not be used are left alone while
// they do not change: what is missing may be permission, or a file handle.
const retryEvery = time.Second

// watched is what some files say together, read again when one of them has
// changed.
type watched[T any] struct {
	what   string // for the log
	paths  []string
	parse  func(contents [][]byte) (T, error)
	logger *slog.Logger

	mu    sync.Mutex
	seen  []os.FileInfo // at the last attempt to read; nil where there was no file
	tried time.Time
	err   error // of the last attempt
	value T     // of the last attempt that succeeded
}

// watch reads the files for the first time.
func watch[T any](what string, logger *slog.Logger, parse func([][]byte) (T, error), paths ...string) (*watched[T], error) {
	w := &watched[T]{what: what, paths: paths, parse: parse, logger: logger}
	w.seen = w.look()
	w.read()
	return w, w.err
}

// get returns the value of the files as they are, or of the last time that
// they could be used.
func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.look()
	if same(w.seen, now) && (w.err == nil || time.Since(w.tried) < retryEvery) {
		return w.value
	}
	failure := w.err
	// What is written between look and read shows at the next look.
	w.seen = now
	w.read()
	switch {
	case w.err == nil:
		w.logger.Info("reloaded "+w.what, "files", w.paths)
	case failure == nil || failure.Error() != w.err.Error():
		w.logger.Warn("cannot reload "+w.what+"; what was read before stays in force", "files", w.paths, "error", w.err)
	}
	return w.value
}

// read reads and parses; mu is held.
func (w *watched[T]) read() {
	w.tried = time.Now()
	contents := make([][]byte, len(w.paths))
	for i, path := range w.paths {
		if contents[i], w.err = os.ReadFile(path); w.err != nil {
			return
		}
	}
	value, err := w.parse(contents)
	if w.err = err; err == nil {
		w.value = value
	}
}

// look finds out which files there are now.
func (w *watched[T]) look() []os.FileInfo {
	infos := make([]os.FileInfo, len(w.paths))
	for i, path := range w.paths {
		if info, err := os.Stat(path); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// same tells whether nothing changed between two looks.
func same(a, b []os.FileInfo) bool {
	for i := range a {
		switch {
		case a[i] == nil || b[i] == nil:
			if a[i] != b[i] {
				return false
			}
		case !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()):
			return false
		}
	}
	return true
}

// String names the files, for errors.
func (w *watched[T]) String() string { return w.what + " " + strings.Join(w.paths, ", ") }
