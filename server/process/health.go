package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	pollEvery    = 20 * time.Millisecond
	probeTimeout = 2 * time.Second
)

// WaitHealthy waits until the member's /health page says it is healthy, which
// needs a leader and an answered linearizable read. It gives up with ErrExited
// when the process ends first. A process that is not healthy by the context's
// deadline is ended, and the error says what its goroutines were at.
func (m *Member) WaitHealthy(ctx context.Context) error {
	return m.waitFor(ctx, "healthy", func(ctx context.Context) bool {
		status, body, err := m.Get(ctx, "/health")
		return err == nil && status == http.StatusOK && strings.Contains(body, `"true"`)
	})
}

// WaitServing waits until the client port answers HTTP. A learner gets this
// far, but never becomes healthy, as it answers no linearizable read.
func (m *Member) WaitServing(ctx context.Context) error {
	return m.waitFor(ctx, "serving", func(ctx context.Context) bool {
		status, _, err := m.Get(ctx, "/version")
		return err == nil && status == http.StatusOK
	})
}

func (m *Member) waitFor(ctx context.Context, what string, probe func(context.Context) bool) error {
	exited := m.Exited()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if probe(ctx) {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%w: %s, before it was %s; its log ends with:\n%s", ErrExited, m.Name, what, m.LogTail(40))
		case <-ctx.Done():
			err := fmt.Errorf("process: %s is not %s: %w", m.Name, what, ctx.Err())
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return err
			}
			// Where it hangs is what one wants to know then.
			lines := 40
			if m.quit() == nil {
				lines = 400
			}
			return fmt.Errorf("%w; its log ends with:\n%s", err, m.LogTail(lines))
		case <-tick.C:
		}
	}
}

// Get fetches a page of the member's client port on a connection of its own,
// so that a restarted member is never asked over a dead one.
func (m *Member) Get(ctx context.Context, path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.ClientURL+path, nil)
	if err != nil {
		return 0, "", fmt.Errorf("process: get %s: %w", path, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: m.tls}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("process: get %s: %w", path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return resp.StatusCode, "", fmt.Errorf("process: get %s: %w", path, err)
	}
	return resp.StatusCode, string(data), nil
}
