package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJSONLineHasEtcdsKeysFirst(t *testing.T) {
	var out bytes.Buffer
	lg := slog.New(NewHandler(&out, slog.LevelInfo, false)).With("local-member-id", "1f")
	lg.Warn("a \"quoted\" line\n", "took", 1500*time.Millisecond, "error", errors.New("no"), "n", 3, "urls", []string{"a", "b"},
		slog.Group("g", "x", true), "bad", func() {})
	require.Regexp(t, regexp.MustCompile(
		`^\{"level":"warn","ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","caller":"logging/handler_test.go:\d+","msg":"a \\"quoted\\" line\\n",`+
			`"local-member-id":"1f","took":"1\.5s","error":"no","n":3,"urls":\["a","b"\],"g\.x":true,"bad":".*"\}\n$`), out.String())
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	var m map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &m))
}

func TestConsoleLine(t *testing.T) {
	var out bytes.Buffer
	lg := slog.New(NewHandler(&out, slog.LevelDebug, true))
	lg.Debug("two\nlines", "k", "v")
	require.Regexp(t, `^\S+Z\tdebug\tlogging/handler_test.go:\d+\ttwo lines\t\{"k":"v"\}`+"\n$", out.String())
}

func TestLevels(t *testing.T) {
	for name, visible := range map[string]int{"debug": 4, "info": 3, "": 3, "warn": 2, "error": 1, "panic": 0, "fatal": 0, "WARN": 2} {
		level, err := ParseLevel(name)
		require.NoError(t, err)
		var out bytes.Buffer
		lg := slog.New(NewHandler(&out, level, false))
		lg.Debug("m")
		lg.Info("m")
		lg.Warn("m")
		lg.Error("m")
		require.Equal(t, visible, strings.Count(out.String(), "\n"), name)
	}
	_, err := ParseLevel("loud")
	require.EqualError(t, err, `unrecognized level: "loud"`)
}

func TestOutputs(t *testing.T) {
	var stderr bytes.Buffer
	file := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(file, []byte("before\n"), 0o600))
	lg, files, err := New(Options{Outputs: []string{"stderr", file}, Stderr: &stderr})
	require.NoError(t, err)
	lg.Info("hello")
	require.NoError(t, files.Close())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(data), "before\n"), "files are appended to")
	require.Equal(t, strings.TrimPrefix(string(data), "before\n"), stderr.String())

	_, _, err = New(Options{Outputs: []string{filepath.Join(t.TempDir(), "none", "log")}})
	require.Error(t, err)
}
