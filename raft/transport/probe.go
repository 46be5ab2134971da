package transport

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// runProbe times round trips to the peer.
func (p *peer) runProbe() {
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	seconds := p.t.metrics.roundTrip.WithLabelValues(hexID(p.id))
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-every.C:
		}
		began := time.Now()
		if err := p.probe(); err != nil {
			p.t.lg.Debug("probe failed", "remote_peer_id", hexID(p.id), "error", err)
			continue
		}
		seconds.Observe(time.Since(began).Seconds())
	}
}

func (p *peer) probe() error {
	ctx, cancel := context.WithTimeout(p.ctx, ioTimeout)
	defer cancel()
	req, _, err := p.newRequest(ctx, http.MethodGet, probingPath, nil)
	if err != nil {
		return err
	}
	resp, err := p.t.streams.RoundTrip(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return p.refusal(resp)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, replyBytesMax))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	return err
}

// health is the answer to a probe.
type health struct {
	OK  bool
	Now time.Time
}

func serveProbing(w http.ResponseWriter, _ *http.Request) {
	// The other end is gone if this fails; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(health{OK: true, Now: time.Now()})
}
