package logging

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
)

// Options are the --log-* flags.
type Options struct {
	Level   string   // debug, info, warn, error, panic or fatal
	Format  string   // json or console
	Outputs []string // default, stderr, stdout, systemd/journal or file names
	// Rotation makes the files rotate; nil lets them grow.
	Rotation *Rotation

	// Stderr and Stdout stand in for the process' own; nil takes those.
	Stderr, Stdout io.Writer
}

// New makes a logger and opens its files. Close them with the closer after the
// last line.
func New(o Options) (*slog.Logger, io.Closer, error) {
	level, err := ParseLevel(o.Level)
	if err != nil {
		return nil, nil, err
	}
	w, files, err := open(o)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(NewHandler(w, level, o.Format == "console")), files, nil
}

// Levels beyond slog's that --log-level may name. Nothing is logged at them,
// so they silence everything below.
const (
	levelPanic = slog.LevelError + 4
	levelFatal = slog.LevelError + 8
)

// ParseLevel reads a level's name; an empty one is info.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info", "":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "dpanic", "panic":
		return levelPanic, nil
	case "fatal":
		return levelFatal, nil
	}
	return 0, fmt.Errorf("unrecognized level: %q", name)
}

// closers closes all it holds.
type closers []io.Closer

// Close closes every file.
func (c closers) Close() error {
	var errs []error
	for _, f := range c {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// open opens every output once and joins them.
func open(o Options) (io.Writer, io.Closer, error) {
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	var writers []io.Writer
	var files closers
	for _, name := range slices.Compact(slices.Sorted(slices.Values(o.Outputs))) {
		switch name {
		case "default", "stderr":
			writers = append(writers, o.Stderr)
		case "stdout":
			writers = append(writers, o.Stdout)
		case "systemd/journal":
			j, err := newJournal(o.Stderr)
			if err != nil {
				return nil, nil, errors.Join(err, files.Close())
			}
			writers = append(writers, j)
		default:
			f, err := openFile(name, o.Rotation)
			if err != nil {
				return nil, nil, errors.Join(fmt.Errorf("open log output: %w", err), files.Close())
			}
			writers, files = append(writers, f), append(files, f)
		}
	}
	switch len(writers) {
	case 0:
		return o.Stderr, files, nil
	case 1:
		return writers[0], files, nil
	}
	return io.MultiWriter(writers...), files, nil
}

// openFile opens a file that grows, or one that rotates.
func openFile(name string, r *Rotation) (io.WriteCloser, error) {
	if r != nil {
		return rotating(name, *r)
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
}
