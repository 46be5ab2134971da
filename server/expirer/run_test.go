package expirer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// tree is a replica with nodes that expire. One proposal ends at most two.
type tree struct {
	mu      sync.Mutex // guards what follows
	leader  bool
	changed chan struct{}
	due     []time.Time
	cut     error // what barriers answer
	failing int   // proposals that fail
	syncs   []time.Time
}

func (r *tree) ProposeV2(_ context.Context, req *v2pb.Request) (*v2store.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Unix(0, req.Time)
	r.syncs = append(r.syncs, now)
	if r.failing > 0 {
		r.failing--
		return nil, errors.New("no quorum")
	}
	for n := 0; n < 2 && len(r.due) > 0 && !r.due[0].After(now); n++ {
		r.due = r.due[1:]
	}
	return nil, nil
}

func (r *tree) ReadBarrier(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut
}

func (r *tree) Status() replica.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return replica.Status{IsLeader: r.leader}
}

func (r *tree) LeaderChanged() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *tree) V2NextExpiry() (time.Time, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.due) == 0 {
		return time.Time{}, false, nil
	}
	return r.due[0], true, nil
}

// run runs an expirer on a clock of its own; each of the steps comes a while after the one before.
func run(t *testing.T, leader bool, steps ...func(r *tree)) (syncs []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &tree{leader: leader, changed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		go Run(ctx, r, nil)
		for _, step := range steps {
			synctest.Wait()
			r.mu.Lock()
			step(r)
			r.mu.Unlock()
			time.Sleep(10 * time.Second) // the bubble's clock
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		for _, at := range r.syncs {
			syncs = append(syncs, at.Sub(start))
		}
	})
	return syncs
}

// in makes nodes that expire after these times.
func in(after ...time.Duration) func(*tree) {
	return func(r *tree) {
		for _, d := range after {
			r.due = append(r.due, time.Now().Add(d))
		}
	}
}

func TestNodesEndOnTime(t *testing.T) {
	got := run(t, true, in(1100*time.Millisecond, 3*time.Second), in(700*time.Millisecond))
	require.Equal(t, []time.Duration{1100 * time.Millisecond, 3 * time.Second, 10700 * time.Millisecond}, got)
}

func TestMoreThanOneEntryEnds(t *testing.T) {
	got := run(t, true, in(time.Second, time.Second, time.Second, time.Second, time.Second))
	require.Equal(t, []time.Duration{time.Second, time.Second, time.Second}, got)
}

func TestNothingExpires(t *testing.T) {
	require.Empty(t, run(t, true, in()))
}

func TestOnlyTheLeaderProposes(t *testing.T) {
	got := run(t, false, in(time.Second), func(r *tree) {
		r.leader = true
		close(r.changed)
		r.changed = make(chan struct{})
	}, func(r *tree) {
		r.leader = false
		in(time.Second)(r)
	})
	require.Equal(t, []time.Duration{10 * time.Second}, got, "once it leads, at once; afterwards no more")
}

func TestALeaderThatIsCutOffProposesNothing(t *testing.T) {
	got := run(t, true, func(r *tree) {
		r.cut = errors.New("no quorum")
		in(time.Second)(r)
	}, func(r *tree) { r.cut = nil })
	require.Len(t, got, 1)
	require.GreaterOrEqual(t, got[0], 10*time.Second)
}

func TestWhatFailsIsTriedAgain(t *testing.T) {
	got := run(t, true, func(r *tree) {
		r.failing = 2
		in(time.Second)(r)
	})
	require.Equal(t, []time.Duration{time.Second, time.Second + retryAfter, time.Second + 2*retryAfter}, got)
}
