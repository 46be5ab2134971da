package logging

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/journal"
)

// ErrNoJournal says that systemd's journal does not listen here.
var ErrNoJournal = errors.New("can't find journal")

// journalWriter sends lines to systemd's journal, with the priority of their
// level, and to fallback what the journal does not take.
type journalWriter struct {
	send     func(message string, p journal.Priority, vars map[string]string) error
	fallback io.Writer
}

// newJournal is a writer to the journal of this machine.
func newJournal(fallback io.Writer) (*journalWriter, error) {
	if !journal.Enabled() {
		return nil, ErrNoJournal
	}
	return &journalWriter{send: journal.Send, fallback: fallback}, nil
}

// Write sends a line that has no level of its own.
func (j *journalWriter) Write(line []byte) (int, error) {
	return j.writeRecord(slog.LevelInfo, "", line)
}

// writeRecord sends one record's line.
func (j *journalWriter) writeRecord(level slog.Level, caller string, line []byte) (int, error) {
	err := j.send(string(line), priority(level), map[string]string{
		"PACKAGE":           filepath.Dir(caller),
		"SYSLOG_IDENTIFIER": "etcd",
	})
	if err != nil {
		return j.fallback.Write(line)
	}
	return len(line), nil
}

// priority is syslog's name of a level.
func priority(l slog.Level) journal.Priority {
	switch {
	case l >= levelPanic:
		return journal.PriCrit
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
