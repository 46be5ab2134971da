package process

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// memoryLock is a lease that only this process knows. Who has not seen its last version may not write it.
type memoryLock struct {
	mu            sync.Mutex
	record        *resourcelock.LeaderElectionRecord
	version, seen int
	written       []string // holders, by this instance
	cut           bool     // this instance can't reach it, until it has given up; by then another holds it
}

func (l *memoryLock) Identity() string   { return "us" }
func (l *memoryLock) Describe() string   { return "lock" }
func (l *memoryLock) RecordEvent(string) {}

func (l *memoryLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		<-ctx.Done()
		l.cut = false
		l.take("other")
		return nil, nil, ctx.Err()
	}
	if l.record == nil {
		return nil, nil, apierrors.NewNotFound(schema.GroupResource{}, "lock")
	}
	l.seen = l.version
	record := *l.record
	return &record, []byte(record.HolderIdentity), nil
}

func (l *memoryLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, r)
}

func (l *memoryLock) Update(_ context.Context, r resourcelock.LeaderElectionRecord) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.cut:
		return errors.New("unreachable")
	case l.seen != l.version:
		return apierrors.NewConflict(schema.GroupResource{}, "lock", errors.New("seen too early"))
	}
	l.record, l.version = &r, l.version+1
	l.seen = l.version
	l.written = append(l.written, r.HolderIdentity)
	return nil
}

// take lets another hold the lock for ever. l is locked.
func (l *memoryLock) take(who string) {
	l.record, l.version = &resourcelock.LeaderElectionRecord{HolderIdentity: who, LeaseDurationSeconds: 1 << 20}, l.version+1
}

// holder is who holds it, and what this instance has written.
func (l *memoryLock) holder() (string, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record.HolderIdentity, l.written
}

// lead runs an instance on the side that competes for a lock.
func lead(ctx context.Context, lock *memoryLock, work func(context.Context) error, with ...func(*Options)) <-chan error {
	o := NewOptions("test", 0)
	o.Election.RetryPeriod.Duration = time.Millisecond
	for _, f := range with {
		f(&o)
	}
	ended := make(chan error, 1)
	go func() { ended <- o.lead(ctx, lock, leaderelection.NewLeaderHealthzAdaptor(0), work) }()
	return ended
}

func TestTheLockIsHeldUntilTheWorkHasEnded(t *testing.T) {
	ctx, terminate := context.WithCancel(t.Context())
	lock := &memoryLock{}
	ending, end := make(chan struct{}), make(chan struct{})
	ended := lead(ctx, lock, func(ctx context.Context) error {
		terminate()
		<-ctx.Done()
		close(ending)
		<-end
		return nil
	})
	<-ending
	_, before := lock.holder()
	require.Eventually(t, func() bool {
		_, now := lock.holder()
		return len(now) > len(before)+1
	}, 10*time.Second, time.Millisecond, "it is renewed while the work comes to its end")
	holder, _ := lock.holder()
	require.Equal(t, "us", holder)
	close(end)
	require.NoError(t, <-ended)
	holder, _ = lock.holder()
	require.Empty(t, holder, "given back")
}

func TestWorkThatFailsGivesTheLockBack(t *testing.T) {
	lock, failure := &memoryLock{}, errors.New("no")
	require.ErrorIs(t, <-lead(t.Context(), lock, func(context.Context) error { return failure }), failure)
	holder, _ := lock.holder()
	require.Empty(t, holder)
}

// The work is told of a loss at once. It isn't waited for, and what the new holder wrote stays.
func TestALostLockIsTheNewHolders(t *testing.T) {
	lock := &memoryLock{}
	told, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	ended := lead(t.Context(), lock, func(ctx context.Context) error {
		lock.mu.Lock()
		lock.cut = true
		lock.mu.Unlock()
		<-ctx.Done()
		close(told)
		<-end
		return nil
	}, func(o *Options) { o.Election.RenewDeadline.Duration = 100 * time.Millisecond })
	require.ErrorIs(t, <-ended, ErrLost)
	<-told
	holder, written := lock.holder()
	require.Equal(t, "other", holder)
	require.NotContains(t, written, "")
}

// Work that ends because of the loss ends the process with ErrLost all the same.
func TestALossIsNoSuccess(t *testing.T) {
	lock := &memoryLock{}
	require.ErrorIs(t, <-lead(t.Context(), lock, func(ctx context.Context) error {
		lock.mu.Lock()
		lock.cut = true
		lock.mu.Unlock()
		<-ctx.Done()
		return nil
	}, func(o *Options) { o.Election.RenewDeadline.Duration = 100 * time.Millisecond }), ErrLost)
}

func TestWhoNeverHadTheLockLeavesItAlone(t *testing.T) {
	lock := &memoryLock{}
	lock.take("other")
	ctx, terminate := context.WithCancel(t.Context())
	ended := lead(ctx, lock, func(context.Context) error {
		t.Error("worked without the lock")
		return nil
	})
	require.Eventually(t, func() bool {
		lock.mu.Lock()
		defer lock.mu.Unlock()
		return lock.seen == lock.version
	}, 10*time.Second, time.Millisecond)
	terminate()
	require.NoError(t, <-ended)
	holder, written := lock.holder()
	require.Equal(t, "other", holder)
	require.Empty(t, written)
}
