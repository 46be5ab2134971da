package logging

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// timeLayout is RFC 3339 with microseconds, as etcd writes ts.
const timeLayout = "2006-01-02T15:04:05.000000Z0700"

// Handler is a slog.Handler that writes etcd's lines.
type Handler struct {
	w       io.Writer
	mu      *sync.Mutex // orders the lines of all handlers of one origin
	level   slog.Leveler
	console bool

	attrs []byte // encoded attributes of WithAttrs, each with a comma before
	group string // prefix of keys, from WithGroup
}

// NewHandler makes a handler that writes records of at least level to w.
func NewHandler(w io.Writer, level slog.Leveler, console bool) *Handler {
	return &Handler{w: w, mu: &sync.Mutex{}, level: level, console: console}
}

// Enabled reports whether records of a level are written.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs is a handler whose records carry attrs too.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append([]byte(nil), h.attrs...)
	for _, a := range attrs {
		c.attrs = appendAttr(c.attrs, h.group, a)
	}
	return &c
}

// WithGroup is a handler that prefixes the keys of later attributes.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.group = h.group + name + "."
	return &c
}

// Handle writes one record.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	attrs := append([]byte(nil), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs, h.group, a)
		return true
	})
	line := make([]byte, 0, 160+len(r.Message)+len(attrs))
	if h.console {
		line = consoleLine(line, r, attrs)
	} else {
		line = jsonLine(line, r, attrs)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	if w, ok := h.w.(recordWriter); ok {
		_, err = w.writeRecord(r.Level, caller(r.PC), line)
	} else {
		_, err = h.w.Write(line)
	}
	return err
}

// recordWriter is an output that files records by level.
type recordWriter interface {
	writeRecord(level slog.Level, caller string, line []byte) (int, error)
}

// jsonLine is {"level":…,"ts":…,"caller":…,"msg":…,attributes}.
func jsonLine(b []byte, r slog.Record, attrs []byte) []byte {
	b = append(b, `{"level":"`...)
	b = append(b, levelName(r.Level)...)
	b = append(b, `","ts":"`...)
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	if c := caller(r.PC); c != "" {
		b = append(b, `","caller":`...)
		b = appendString(b, c)
	} else {
		b = append(b, '"')
	}
	b = append(b, `,"msg":`...)
	b = appendString(b, r.Message)
	b = append(b, attrs...)
	return append(b, '}', '\n')
}

// consoleLine is ts, level, caller, msg and {attributes}, tab-separated.
func consoleLine(b []byte, r slog.Record, attrs []byte) []byte {
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, '\t')
	b = append(b, levelName(r.Level)...)
	b = append(b, '\t')
	b = append(b, caller(r.PC)...)
	b = append(b, '\t')
	for _, c := range []byte(r.Message) { // I1: one line
		if c == '\n' || c == '\r' {
			c = ' '
		}
		b = append(b, c)
	}
	if len(attrs) > 0 {
		b = append(b, '\t', '{')
		b = append(b, attrs[1:]...)
		b = append(b, '}')
	}
	return append(b, '\n')
}

// levelName is zap's name of a level.
func levelName(l slog.Level) string {
	switch {
	case l >= levelFatal:
		return "fatal"
	case l >= levelPanic:
		return "panic"
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

// caller is the last folder, file and line of a program counter.
func caller(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	if f.File == "" {
		return ""
	}
	dir, file := filepath.Split(f.File)
	return filepath.Base(dir) + "/" + file + ":" + strconv.Itoa(f.Line)
}

// appendAttr adds ,"key":value; groups become dotted keys.
func appendAttr(b []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return b
	}
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range v.Group() {
			b = appendAttr(b, group, member)
		}
		return b
	}
	b = append(b, ',')
	b = appendString(b, group+a.Key)
	b = append(b, ':')
	return appendValue(b, v)
}

// appendValue adds a value as JSON. Times and durations are text, as zap is
// told to write them by etcd.
func appendValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendString(b, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindDuration:
		return appendString(b, v.Duration().String())
	case slog.KindTime:
		return appendString(b, v.Time().Format(time.RFC3339Nano))
	}
	switch x := v.Any().(type) {
	case error:
		return appendString(b, x.Error())
	case json.Marshaler:
	case fmt.Stringer:
		return appendString(b, x.String())
	}
	data, err := json.Marshal(v.Any())
	if err != nil {
		return appendString(b, fmt.Sprint(v.Any()))
	}
	return append(b, data...)
}

// appendString adds a JSON string. Text that is not UTF-8 has its bad bytes
// replaced.
func appendString(b []byte, s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...)
	}
	return append(b, data...)
}
