package transport

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// runPosts posts messages while there is no stream for them.
func (p *peer) runPosts() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case m := <-p.posts:
			if err := p.post(m); err != nil {
				if p.ctx.Err() != nil {
					return
				}
				p.t.lg.Debug("post failed", "remote_peer_id", hexID(p.id), "type", m.GetType().String(), "error", err)
				p.lost(m)
			}
		}
	}
}

func (p *peer) post(m *raftpb.Message) error {
	ctx, cancel := context.WithTimeout(p.ctx, ioTimeout)
	defer cancel()
	start := time.Now()
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("transport: encode message: %w", err)
	}
	req, base, err := p.newRequest(ctx, http.MethodPost, raftPath, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/protobuf")
	resp, err := p.t.posts.RoundTrip(req)
	if err != nil {
		p.urls.unreachable(base)
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		p.urls.unreachable(base)
		return p.refusal(resp)
	}
	appends := 0
	if m.GetType() == raftpb.MsgApp {
		appends = 1
	}
	p.written(appends, len(b), time.Since(start))
	return resp.Body.Close()
}
