package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"
)

// peer is one other member. Messages to it go into one of three queues: the stream of appends, the stream of everything
// else, or, while there is no stream, the pipeline of posts.
type peer struct {
	t      *Transport
	id     uint64
	remote bool // known only from its own requests; see Transport.addRemote
	urls   urlPicker

	messages *streamWriter
	appends  *streamWriter
	posts    chan *raftpb.Message

	ctx          context.Context
	cancel       context.CancelFunc
	snapshotting atomic.Bool
	follower     followerLatency

	sentBytes, receivedBytes       prometheus.Counter
	sentFailures, receivedFailures prometheus.Counter

	mu    sync.Mutex
	links int // what is connected: streams we read
	since time.Time
}

// newPeer makes a peer and starts its goroutines. The transport's lock is held.
func newPeer(t *Transport, id uint64, urls []string, remote bool) *peer {
	label := hexID(id)
	p := &peer{
		t: t, id: id, remote: remote,
		posts:            make(chan *raftpb.Message, pipelineQueueMax),
		sentBytes:        t.metrics.sentBytes.WithLabelValues(label),
		receivedBytes:    t.metrics.receivedBytes.WithLabelValues(label),
		sentFailures:     t.metrics.sentFailures.WithLabelValues(label),
		receivedFailures: t.metrics.receivedFailures.WithLabelValues(label),
	}
	p.ctx, p.cancel = context.WithCancel(t.ctx)
	p.urls.update(urls)
	p.messages, p.appends = newStreamWriter(p), newStreamWriter(p)
	for range pipelineWorkers {
		t.wg.Go(p.runPosts)
	}
	if remote {
		return p
	}
	t.wg.Go(func() { p.runReader(streamMessage) })
	t.wg.Go(func() { p.runReader(streamMsgApp) })
	t.wg.Go(p.runProbe)
	return p
}

// close ends everything of the peer without waiting for it.
func (p *peer) close() { p.cancel() }

// send queues a message, or drops and reports it.
func (p *peer) send(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgSnap {
		p.startSnapshot(m)
		return
	}
	queue := p.posts
	switch {
	case m.GetType() == raftpb.MsgApp && p.appends.attached():
		queue = p.appends.queue
	case p.messages.attached():
		queue = p.messages.queue
	}
	select {
	case queue <- m:
	default:
		p.lost(m)
	}
}

// lost counts one message that did not leave.
func (p *peer) lost(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgApp {
		p.follower.failed()
	}
	p.failed()
}

// written counts appends that left in d, as so many bytes.
func (p *peer) written(appends, bytes int, d time.Duration) {
	if appends > 0 {
		p.follower.succeeded(appends, d)
		p.t.sent.add(time.Now(), appends, bytes)
	}
	p.sentBytes.Add(float64(bytes))
}

// failed counts a lost message and tells raft.
func (p *peer) failed() {
	p.sentFailures.Inc()
	p.t.cfg.Raft.ReportUnreachable(p.id)
}

// receive hands a message of so many bytes to raft, if the peer may send it.
func (p *peer) receive(ctx context.Context, m *raftpb.Message, bytes int) {
	if m.GetFrom() != p.id || m.GetTo() != p.t.cfg.ID {
		p.receivedFailures.Inc()
		return
	}
	if !p.t.cfg.passes(p.id, p.t.cfg.ID) {
		return
	}
	p.t.took(m, bytes)
	if err := p.t.cfg.Raft.Step(ctx, m); err != nil {
		p.receivedFailures.Inc()
		p.t.lg.Debug("raft refused a message", "remote_peer_id", hexID(p.id), "type", m.GetType().String(), "error", err)
	}
}

// linked notes that something was connected (1) or is gone (-1).
func (p *peer) linked(change int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.links
	p.links += change
	local, remote := hexID(p.t.cfg.ID), hexID(p.id)
	switch {
	case before == 0 && p.links > 0:
		p.since = time.Now()
		p.t.metrics.activePeers.WithLabelValues(local, remote).Set(1)
		p.t.lg.Info("peer became active", "peer_id", remote)
	case before > 0 && p.links == 0:
		p.since = time.Time{}
		p.t.metrics.activePeers.WithLabelValues(local, remote).Set(0)
		p.t.metrics.disconnectedPeers.WithLabelValues(local, remote).Inc()
		p.t.lg.Warn("peer became inactive (message send to peer failed)", "peer_id", remote)
	}
}

func (p *peer) activeSince() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since
}
