package shim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// maxLine is how much of a line one entry of a log holds.
const maxLine = 16 << 10

// logFile is a container's log in CRI's format. An empty path swallows all.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

// openLog opens a log to append to it.
func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	return l, l.reopen()
}

// reopen opens the file anew, because the old one was moved away.
func (l *logFile) reopen() error {
	if l.path == "" {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
	}
	l.file = f
	return nil
}

// close ends the log.
func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

// write appends an entry.
func (l *logFile) write(stream string, content []byte, whole bool) {
	tag := byte('F')
	if !whole {
		tag = 'P'
	}
	entry := time.Now().UTC().AppendFormat(make([]byte, 0, len(content)+48), time.RFC3339Nano)
	entry = append(append(append(append(entry, ' '), stream...), ' ', tag, ' '), content...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		// A full disk loses lines; it must not stop the container.
		_, _ = l.file.Write(append(entry, '\n'))
	}
}

// follow copies a stream into the log, line by line, until it ends.
func (l *logFile) follow(stream string, from io.Reader) {
	r := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err == nil:
			l.write(stream, line[:len(line)-1], true)
		case errors.Is(err, bufio.ErrBufferFull):
			l.write(stream, line, false)
		default:
			if len(line) > 0 {
				l.write(stream, line, false) // its end never came
			}
			return
		}
	}
}
