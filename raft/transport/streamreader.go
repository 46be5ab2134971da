package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// streamKind is one of the two streams between members.
type streamKind string

const (
	streamMessage streamKind = "message"
	streamMsgApp  streamKind = "msgapp"
)

func (k streamKind) path(id uint64) string { return streamPrefix + string(k) + "/" + hexID(id) }

func (k streamKind) newEncoder(w io.Writer) encoder {
	if k == streamMsgApp {
		return &msgAppEncoder{w: w}
	}
	return &messageEncoder{w: w}
}

func (k streamKind) newDecoder(r io.Reader, local, remote uint64) decoder {
	if k == streamMsgApp {
		return &msgAppDecoder{r: r, local: local, remote: remote}
	}
	return &messageDecoder{r: r, bytesMax: messageBytesMax}
}

// runReader keeps a stream open and hands to raft what comes.
func (p *peer) runReader(kind streamKind) {
	redial := time.NewTimer(0)
	defer redial.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-redial.C:
		}
		if err := p.readStream(kind); err != nil && p.ctx.Err() == nil {
			p.t.lg.Debug("stream ended", "remote_peer_id", hexID(p.id), "stream", string(kind), "error", err)
		}
		redial.Reset(redialEvery)
	}
}

// readStream opens the stream and reads it to its end.
func (p *peer) readStream(kind streamKind) (err error) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	req, base, err := p.newRequest(ctx, http.MethodGet, kind.path(p.t.cfg.ID), nil)
	if err != nil {
		return err
	}
	resp, err := p.t.streams.RoundTrip(req)
	if err != nil {
		p.urls.unreachable(base)
		return err
	}
	if resp.StatusCode != http.StatusOK {
		p.urls.unreachable(base)
		return p.refusal(resp)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	p.linked(1)
	defer p.linked(-1)
	dec := kind.newDecoder(bufio.NewReaderSize(resp.Body, 64<<10), p.t.cfg.ID, p.id)
	for {
		m, n, err := dec.decode()
		if err != nil {
			return err
		}
		p.receivedBytes.Add(float64(n))
		if !isLinkHeartbeat(m) {
			p.receive(ctx, m, n)
		}
	}
}
