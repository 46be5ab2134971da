package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// logReader copies a container's log, of CRI's format, to a client.
type logReader struct {
	path    string
	options readOptions
	out     io.Writer
	flush   func()
	alive   func(context.Context) bool // whether the container may write more

	wrote   bool
	pending []byte // a line whose end isn't written yet
	midLine bool   // the last piece was not the end of a line
}

// errDone ends the reading when as many bytes are written as were asked for.
var errDone = errors.New("enough")

const (
	// pollEvery is how often a log that is followed is looked at.
	pollEvery = 100 * time.Millisecond
	// askEvery is how many looks without anything new it takes to ask whether the container still runs.
	askEvery = 5
	// maxLine is how long a line may be; the rest of it is left out. Runtimes break lines long before.
	maxLine = 1 << 20
)

// read reads the rotated files and the current one, and goes on with that if it is to be followed.
func (l *logReader) read(ctx context.Context) error {
	current, err := openLog(l.path)
	if err != nil {
		return fmt.Errorf("failed to open log file %q: %w", l.path, err)
	}
	defer func() { current.Close() }()
	old, err := rotated(l.path, current)
	if err != nil {
		return err
	}
	if old, err = startAt(old, current, l.options.tail); err != nil {
		return err
	}
	for _, f := range old {
		if err := l.file(f); err != nil {
			return done(err)
		}
	}
	for idle := 0; ; idle++ {
		n, err := l.copy(current)
		if err != nil {
			return done(err)
		}
		l.flush()
		if n > 0 {
			idle = 0
		}
		if !l.options.follow {
			return nil
		}
		next, err := l.successor(current)
		if err != nil {
			return done(err)
		}
		if next != nil {
			current.Close()
			current = next
			continue
		}
		if idle%askEvery == askEvery-1 && !l.alive(ctx) {
			_, err := l.copy(current)
			l.flush()
			return done(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// done is no error if enough was written.
func done(err error) error {
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// file copies a rotated file.
func (l *logReader) file(f *logFile) error {
	in, err := f.open()
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := l.copy(in); err != nil {
		return err
	}
	l.pending = nil
	return nil
}

// successor is the file that has been put into the place of the one that is read; nil: there is none. All of the old one is read first.
func (l *logReader) successor(current *os.File) (*os.File, error) {
	before, err := current.Stat()
	if err != nil {
		return nil, err
	}
	next, err := openLog(l.path)
	if err != nil {
		return nil, nil // it is being rotated: there will be one
	}
	now, err := next.Stat()
	if err != nil || os.SameFile(before, now) {
		return nil, errors.Join(err, next.Close())
	}
	if _, err := l.copy(current); err != nil {
		next.Close()
		return nil, err
	}
	l.pending = nil
	return next, nil
}

// copy copies all whole lines that are there, and says how many bytes it read.
func (l *logReader) copy(in io.Reader) (n int, err error) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadSlice('\n')
		n += len(line)
		l.pending = append(l.pending, line[:min(len(line), maxLine-len(l.pending))]...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("failed to read log file %q: %w", l.path, err)
		}
		l.pending[len(l.pending)-1] = '\n' // also of one that was cut
		err = l.line(l.pending)
		l.pending = l.pending[:0]
		if err != nil {
			return n, err
		}
	}
}

// line writes what a container wrote, if it is wanted: "<time> <stream> <tags> <text>". A line that isn't of this form is not the
// container's, and is left out.
func (l *logReader) line(line []byte) error {
	stamp, rest, ok := bytes.Cut(line, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tags, text, ok3 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || !ok3 || string(stream) != "stdout" && string(stream) != "stderr" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return nil
	}
	if first, _, _ := bytes.Cut(tags, []byte(":")); string(first) == "P" {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	if at.Before(l.options.since) {
		return nil
	}
	if l.options.timestamps && !l.midLine {
		text = append(append(bytes.Clone(stamp), ' '), text...)
	}
	l.midLine = !bytes.HasSuffix(text, []byte("\n"))
	return l.write(text)
}

func (l *logReader) write(text []byte) error {
	limited := l.options.limit >= 0
	if limited && int64(len(text)) > l.options.limit {
		text = text[:l.options.limit]
	}
	n, err := l.out.Write(text)
	l.wrote = l.wrote || n > 0
	if err != nil {
		return err
	}
	if limited {
		if l.options.limit -= int64(n); l.options.limit == 0 {
			return errDone
		}
	}
	return nil
}
