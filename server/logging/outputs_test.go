package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/stretchr/testify/require"
)

func TestJournalGetsPriorities(t *testing.T) {
	type sent struct {
		message string
		p       journal.Priority
		vars    map[string]string
	}
	var got []sent
	var fallback bytes.Buffer
	var broken error
	j := &journalWriter{fallback: &fallback, send: func(m string, p journal.Priority, v map[string]string) error {
		if broken == nil {
			got = append(got, sent{m, p, v})
		}
		return broken
	}}
	lg := slog.New(NewHandler(j, slog.LevelDebug, false))
	lg.Debug("d")
	lg.Info("i")
	lg.Warn("w")
	lg.Error("e")
	require.Len(t, got, 4)
	for i, p := range []journal.Priority{journal.PriDebug, journal.PriInfo, journal.PriWarning, journal.PriErr} {
		require.Equal(t, p, got[i].p)
		require.Equal(t, map[string]string{"PACKAGE": "logging", "SYSLOG_IDENTIFIER": "etcd"}, got[i].vars)
	}
	require.Contains(t, got[2].message, `"level":"warn"`)
	require.Empty(t, fallback.String())

	broken = errors.New("no socket")
	lg.Error("lost?")
	require.Contains(t, fallback.String(), `"msg":"lost?"`)
}

func TestJournalThatIsNotThere(t *testing.T) {
	if journal.Enabled() {
		t.Skip("this machine has a journal")
	}
	_, _, err := New(Options{Outputs: []string{"systemd/journal"}})
	require.ErrorIs(t, err, ErrNoJournal)
}

func TestFilesRotate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	lg, files, err := New(Options{Outputs: []string{file}, Rotation: &Rotation{MaxSize: 1, MaxBackups: 3}})
	require.NoError(t, err)
	line := strings.Repeat("x", 100<<10)
	for range 25 {
		lg.Info(line)
	}
	require.NoError(t, files.Close())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(entries), 3, "2.5 MB in files of 1 MB")
	total := 0
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), 1<<20)
		total += strings.Count(string(data), "\n")
	}
	require.Equal(t, 25, total, "no line is lost or cut")
}

func TestOutputThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir() // a directory is no file, for root either
	for name, r := range map[string]*Rotation{"growing": nil, "rotating": {MaxSize: 1}} {
		t.Run(name, func(t *testing.T) {
			_, _, err := New(Options{Outputs: []string{dir}, Rotation: r})
			require.ErrorContains(t, err, "open log output: open "+dir)
		})
	}
}
