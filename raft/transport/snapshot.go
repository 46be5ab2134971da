package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// startSnapshot sends the state in the background and reports once how that went (T2).
func (p *peer) startSnapshot(m *raftpb.Message) {
	if p.snapshotting.Swap(true) {
		p.t.cfg.Raft.ReportSnapshot(p.id, false)
		return
	}
	p.t.mu.RLock()
	closed := p.t.closed
	if !closed {
		p.t.wg.Add(1)
	}
	p.t.mu.RUnlock()
	if closed {
		p.t.cfg.Raft.ReportSnapshot(p.id, false)
		return
	}
	go func() {
		defer p.t.wg.Done()
		label, mm := hexID(p.id), p.t.metrics.snapshotsSent
		mm.inflight.WithLabelValues(label).Inc()
		began := time.Now()
		n, err := p.sendSnapshot(m)
		mm.inflight.WithLabelValues(label).Dec()
		p.snapshotting.Store(false)
		if err != nil {
			p.t.lg.Warn("failed to send database snapshot", "remote_peer_id", label, "bytes", n, "error", err)
			mm.failures.WithLabelValues(label).Inc()
			p.failed()
		} else {
			p.t.lg.Info("sent database snapshot", "remote_peer_id", label, "bytes", n)
			mm.success.WithLabelValues(label).Inc()
			mm.seconds.WithLabelValues(label).Observe(time.Since(began).Seconds())
			p.sentBytes.Add(float64(n))
		}
		p.t.cfg.Raft.ReportSnapshot(p.id, err == nil)
	}()
}

// sendSnapshot posts the message and the state as it is now. Its index may be newer than the one raft asked for; the
// message tells the truth about what follows it.
func (p *peer) sendSnapshot(m *raftpb.Message) (n int64, err error) {
	meta, state, err := p.t.cfg.Snapshots.Open()
	if err != nil {
		return 0, fmt.Errorf("transport: open state: %w", err)
	}
	// RoundTrip may close the body after it returned, and nothing may be read from the state when Transport.Close returns.
	defer func() { err = errors.Join(err, state.Close()) }()
	out := &raftpb.Message{
		Type: m.GetType().Enum(), To: new(m.GetTo()), From: new(m.GetFrom()), Term: new(m.GetTerm()),
		Snapshot: &raftpb.Snapshot{Metadata: meta},
	}
	envelope, err := appendSized(nil, out)
	if err != nil {
		return 0, err
	}
	body := &countingBody{r: io.MultiReader(bytes.NewReader(envelope), state), close: state.Close}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	req, base, err := p.newRequest(ctx, http.MethodPost, snapshotPath, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	p.t.lg.Info("sending database snapshot", "remote_peer_id", hexID(p.id), "snapshot_index", meta.GetIndex())
	resp, err := p.t.posts.RoundTrip(req)
	if err != nil {
		p.urls.unreachable(base)
		return body.n.Load(), err
	}
	if resp.StatusCode != http.StatusNoContent {
		p.urls.unreachable(base)
		return body.n.Load(), p.refusal(resp)
	}
	return body.n.Load(), resp.Body.Close()
}

// countingBody is a request body that counts what was read of it.
type countingBody struct {
	r     io.Reader
	n     atomic.Int64 // a refused request's body may still be read when its answer is here
	close func() error
}

func (b *countingBody) Read(buf []byte) (int, error) {
	n, err := b.r.Read(buf)
	b.n.Add(int64(n))
	return n, err
}

func (b *countingBody) Close() error { return b.close() }

// serveSnapshot takes a snapshot: the message first, then the state, which is staged before raft hears of it.
func (t *Transport) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	select {
	case t.receiving <- struct{}{}:
		defer func() { <-t.receiving }()
	default:
		http.Error(w, "another snapshot is being received", http.StatusServiceUnavailable)
		return
	}
	body := &progressReader{r: r.Body, conn: http.NewResponseController(w)}
	m, _, err := (&messageDecoder{r: body, bytesMax: envelopeBytesMax}).decode()
	if err != nil {
		http.Error(w, "failed to decode raft message ("+err.Error()+")", http.StatusBadRequest)
		return
	}
	if m.GetType() != raftpb.MsgSnap || m.GetSnapshot() == nil {
		http.Error(w, "wrong raft message type", http.StatusBadRequest)
		return
	}
	if !t.mayStep(w, m) {
		return
	}
	label, mm := hexID(m.GetFrom()), t.metrics.snapshotsReceived
	mm.inflight.WithLabelValues(label).Inc()
	defer mm.inflight.WithLabelValues(label).Dec()
	began := time.Now()
	if err := t.receiveSnapshot(r.Context(), m, body); err != nil {
		t.lg.Warn("failed to receive database snapshot", "remote_snapshot_sender_id", label, "error", err)
		mm.failures.WithLabelValues(label).Inc()
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	t.metrics.receivedBytes.WithLabelValues(label).Add(float64(body.n))
	mm.success.WithLabelValues(label).Inc()
	mm.seconds.WithLabelValues(label).Observe(time.Since(began).Seconds())
	w.WriteHeader(http.StatusNoContent)
}

func (t *Transport) receiveSnapshot(ctx context.Context, m *raftpb.Message, body io.Reader) error {
	index := m.GetSnapshot().GetMetadata().GetIndex()
	t.lg.Info("receiving database snapshot", "remote_snapshot_sender_id", hexID(m.GetFrom()), "incoming_snapshot_index", index)
	data, err := t.cfg.Snapshots.Receive(ctx, m, body)
	if err != nil {
		return fmt.Errorf("failed to save KV snapshot (%w)", err)
	}
	m.Snapshot.Data = data
	if err := t.cfg.Raft.Step(ctx, m); err != nil {
		return fmt.Errorf("failed to process raft message (%w)", err)
	}
	return nil
}

// progressReader reads a request's body and fails when nothing comes for too long.
type progressReader struct {
	r    io.Reader
	conn *http.ResponseController
	n    int64
}

func (p *progressReader) Read(b []byte) (int, error) {
	// A server that can't set a deadline is left to TCP.
	_ = p.conn.SetReadDeadline(time.Now().Add(snapshotTimeout))
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}
