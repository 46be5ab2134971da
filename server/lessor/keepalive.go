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
		ask := there
		if l.replica.Status().IsLeader {
			ask = here
		}
		err := ask(tctx)
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

// renew gives a lease its full time on this member's clock.
func (l *Lessor) renew(ctx context.Context, id int64) (int64, error) {
	ensure := l.replica.ReadBarrier
	if l.cfg.FastKeepAlive {
		ensure = l.replica.EnsureLeader
	}
	if err := ensure(ctx); err != nil { // I2
		return 0, err
	}
	for {
		l.mu.Lock()
		e, demoted := l.leases[id], l.demoted
		switch {
		case demoted == nil:
			l.mu.Unlock()
			return 0, ErrNotPrimary
		case e == nil:
			l.mu.Unlock()
			return 0, ErrNotFound
		case !e.expired && e.expiry.After(time.Now()) && e.remaining > 0:
			l.mu.Unlock()
			// I5. Checkpointed clears what is left, unless another checkpoint came in between: then once more.
			if err := l.proposeCheckpoint(ctx, []*pb.LeaseCheckpoint{{ID: id}}); err != nil {
				return 0, err
			}
			continue
		case !e.expired && e.expiry.After(time.Now()):
			l.start(e, 0)
			l.mu.Unlock()
			l.metrics.renewed.Inc()
			return int64(e.ttl / time.Second), nil
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
