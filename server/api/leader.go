package api

import (
	"context"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// leaderlessMax is how many looks in a row, an election timeout apart, must
// find no leader before streams are canceled. Opening a stream again costs a
// client far more than a refused call, so a short election does not end it.
const leaderlessMax = 3

// leaderWatch cancels the streams that asked for a leader once there is none.
// Its goroutine lives only while there are such streams.
type leaderWatch struct {
	hasLeader func() bool
	interval  time.Duration

	mu      sync.Mutex
	streams map[*context.CancelCauseFunc]struct{}
	running bool
}

// add registers a stream's cancel function. The returned function takes it
// back.
func (l *leaderWatch) add(cancel context.CancelCauseFunc) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == nil {
		l.streams = map[*context.CancelCauseFunc]struct{}{}
	}
	l.streams[&cancel] = struct{}{}
	if !l.running {
		l.running = true
		go l.run()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.streams, &cancel)
	}
}

// run looks for the leader until no stream is left.
func (l *leaderWatch) run() {
	ticker := time.NewTicker(l.interval)
	defer ticker.Stop()
	leaderless := 0
	for range ticker.C {
		leaderless++
		if l.hasLeader() {
			leaderless = 0
		}
		if !l.look(leaderless >= leaderlessMax) {
			return
		}
	}
}

// look cancels all streams if lost, and says whether to go on looking.
func (l *leaderWatch) look(lost bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lost {
		for cancel := range l.streams {
			(*cancel)(rpctypes.ErrGRPCNoLeader)
		}
		clear(l.streams)
	}
	l.running = len(l.streams) > 0
	return l.running
}
