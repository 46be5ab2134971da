package requestlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"
)

// Stderr is the target that is no file.
const Stderr = "stderr"

// Options say where requests are recorded.
type Options struct {
	// File gets a line for each request: a path, [Stderr], or empty for no log.
	File string
	// Expensive keeps the most expensive requests.
	Expensive bool
}

// Recorder records requests.
type Recorder struct {
	lines  *slog.Logger // nil without a log
	file   io.Closer    // nil when there is none of our own
	byTime *top         // nil when they aren't kept
	byData *top
}

// Open opens what the options ask for; nil when that is nothing (I2).
func Open(o Options) (*Recorder, error) {
	if o.File == "" && !o.Expensive {
		return nil, nil
	}
	r := &Recorder{}
	switch o.File {
	case "":
	case Stderr:
		r.lines = newLines(os.Stderr)
	default:
		f, err := os.OpenFile(o.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("requestlog: %w", err)
		}
		r.lines, r.file = newLines(f), f
	}
	if o.Expensive {
		r.byTime = newTop(func(q *Request) int64 { return int64(q.Took) })
		r.byData = newTop(func(q *Request) int64 { return int64(q.RequestBytes) + int64(q.ResponseBytes) })
	}
	return r, nil
}

// newLines writes records as JSON without what only logs of messages have.
func newLines(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}}))
}

// Wants says whether a request that took so long, and as many bytes both ways, would be recorded anywhere: most need not be
// described where only the most expensive are kept.
func (r *Recorder) Wants(took time.Duration, bytes int) bool {
	return r.lines != nil || r.byTime != nil && (r.byTime.wants(int64(took)) || r.byData.wants(int64(bytes)))
}

// Record records one request that ended. The Recorder may keep it.
func (r *Recorder) Record(q *Request) {
	if r.lines != nil {
		r.lines.LogAttrs(context.Background(), slog.LevelInfo, "", q.attrs()...)
	}
	if r.byTime != nil {
		r.byTime.offer(q)
		r.byData.offer(q)
	}
}

// ServeHTTP answers with the most expensive requests.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var page struct {
		ByTime []*Request `json:"by_time"`
		ByData []*Request `json:"by_bytes"`
	}
	if r.byTime != nil {
		page.ByTime, page.ByData = r.byTime.list(), r.byData.list()
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(page) // a client that left gets no answer
}

// Close ends the log. Nothing may be recorded after it.
func (r *Recorder) Close() error {
	if r == nil || r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("requestlog: %w", err)
	}
	return nil
}
