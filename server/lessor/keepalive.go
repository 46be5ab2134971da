package lessor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/replica"
)

// retryPause is how long a request to the leader waits before it is repeated.
const retryPause = 50 * time.Millisecond

// KeepAlive gives a lease its full time again and returns it, in seconds. Any member may be asked; the leader's clock is
// set.
func (l *Lessor) KeepAlive(ctx context.Context, id int64) (ttl int64, err error) {
	if ttl, ok := l.renewNow(id); ok {
		return ttl, nil
	}
	err = l.atLeader(ctx, func(ctx context.Context) error {
		ttl, err = l.renew(ctx, id)
		return err
	}, func(ctx context.Context) error {
		ttl, err = l.renewThere(ctx, id)
		return err
	})
	return ttl, err
}

// atLeader calls here while this member leads and there while another does, until one of them succeeds, finds that there
// is no such lease, or the request's time is over.
func (l *Lessor) atLeader(ctx context.Context, here, there func(context.Context) error) error {
	tctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	for {
		err := l.ask(tctx, here, there)
		if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, replica.ErrStopped) {
			return err
		}
		select {
		case <-time.After(retryPause):
		case <-tctx.Done():
			switch {
			case errors.Is(err, replica.ErrNoLeader):
				return err
			case ctx.Err() != nil:
				return replica.ErrCanceled
			}
			return replica.ErrTimeout
		}
	}
}

// ask calls here or there, once. When leadership moves it gives that up: the new leader is to be asked then, and what the old one
// waits for may not come before the lease ends, as where its disk hangs.
func (l *Lessor) ask(ctx context.Context, here, there func(context.Context) error) error {
	changed := l.replica.LeaderChanged()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	if l.replica.Status().IsLeader {
		return here(ctx)
	}
	return there(ctx)
}

// renewNow renews a lease where nothing is to be waited for, as it nearly always is at a leader.
func (l *Lessor) renewNow(id int64) (ttl int64, ok bool) {
	if !l.replica.LeadsNow(!l.cfg.FastKeepAlive) { // I2
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.leases[id]
	if l.demoted == nil || e == nil || !e.living() || e.remaining > 0 {
		return 0, false
	}
	return l.renewed(e), true
}

// renewed begins a lease's time again and returns it, in seconds. REQUIRES: l.mu.
func (l *Lessor) renewed(e *lease) int64 {
	l.start(e, 0)
	l.metrics.renewed.Inc()
	return int64(e.ttl / time.Second)
}

// renew gives a lease its full time on this member's clock.
func (l *Lessor) renew(ctx context.Context, id int64) (int64, error) {
	ensure := l.replica.ReadBarrier
	if l.cfg.FastKeepAlive {
		ensure = l.replica.EnsureLeader
	}
	if err := ensure(ctx); err != nil { // I2
		return 0, err
	}
	sure := !l.cfg.FastKeepAlive
	for {
		l.mu.Lock()
		e, demoted := l.leases[id], l.demoted
		switch {
		case demoted == nil:
			l.mu.Unlock()
			return 0, ErrNotPrimary
		case e == nil && !sure:
			l.mu.Unlock()
			// Another member may lead already and have granted it: that a lease is gone is never said on old knowledge.
			if err := l.replica.ReadBarrier(ctx); err != nil {
				return 0, err
			}
			if !l.replica.Status().IsLeader {
				return 0, ErrNotPrimary
			}
			sure = true
			continue
		case e == nil:
			l.mu.Unlock()
			return 0, ErrNotFound
		case e.living() && e.remaining > 0:
			l.mu.Unlock()
			// I5. Checkpointed clears what is left, unless another checkpoint came in between: then once more.
			if err := l.proposeCheckpoint(ctx, []*pb.LeaseCheckpoint{{ID: id}}); err != nil {
				return 0, err
			}
			continue
		case e.living():
			ttl := l.renewed(e)
			l.mu.Unlock()
			return ttl, nil
		}
		l.mu.Unlock()
		select { // I4
		case <-e.ended:
			return 0, ErrNotFound
		case <-demoted:
			return 0, ErrNotPrimary
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// TimeToLive tells how long a lease has left on the leader's clock, and its keys if they are asked for.
func (l *Lessor) TimeToLive(ctx context.Context, id int64, keys bool) (resp *pb.LeaseTimeToLiveResponse, err error) {
	err = l.atLeader(ctx, func(ctx context.Context) error {
		resp, err = l.timeToLive(ctx, id, keys)
		return err
	}, func(ctx context.Context) error {
		resp, err = l.timeToLiveThere(ctx, id, keys)
		return err
	})
	return resp, err
}

// timeToLive answers from this member's clock.
func (l *Lessor) timeToLive(ctx context.Context, id int64, keys bool) (*pb.LeaseTimeToLiveResponse, error) {
	if err := l.replica.ReadBarrier(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	e, leads := l.leases[id], l.demoted != nil
	resp := &pb.LeaseTimeToLiveResponse{Header: &pb.ResponseHeader{}, ID: id}
	if e != nil {
		resp.TTL = int64(time.Until(e.expiry).Seconds())
		resp.GrantedTTL = int64(e.ttl / time.Second)
	}
	l.mu.Unlock()
	if !leads {
		return nil, ErrNotPrimary
	}
	if e == nil {
		return nil, ErrNotFound
	}
	if !keys {
		return resp, nil
	}
	info, ok, err := l.replica.Store().Lease(id)
	if err != nil {
		return nil, fmt.Errorf("lessor: read the keys of a lease: %w", err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	resp.Keys = info.Keys
	return resp, nil
}

// renewThere asks the leader to renew.
func (l *Lessor) renewThere(ctx context.Context, id int64) (int64, error) {
	body, err := proto.Marshal(&pb.LeaseKeepAliveRequest{ID: id})
	if err != nil {
		return 0, err
	}
	b, err := l.replica.AskLeader(ctx, keepAlivePath, body)
	if replica.PeerRefusal(err) == http.StatusNotFound {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	resp := &pb.LeaseKeepAliveResponse{}
	if err := proto.Unmarshal(b, resp); err != nil || resp.ID != id {
		return 0, fmt.Errorf("lessor: the leader's answer to a keep-alive is malformed: %w", err)
	}
	return resp.TTL, nil
}

// timeToLiveThere asks the leader for a lease's time.
func (l *Lessor) timeToLiveThere(ctx context.Context, id int64, keys bool) (*pb.LeaseTimeToLiveResponse, error) {
	body, err := wrap(&pb.LeaseTimeToLiveRequest{ID: id, Keys: keys})
	if err != nil {
		return nil, err
	}
	b, err := l.replica.AskLeader(ctx, timeToLivePath, body)
	if replica.PeerRefusal(err) == http.StatusNotFound {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	resp := &pb.LeaseTimeToLiveResponse{}
	if err := unwrap(b, resp); err != nil || resp.ID != id {
		return nil, fmt.Errorf("lessor: the leader's answer about a lease is malformed: %w", err)
	}
	return resp, nil
}
