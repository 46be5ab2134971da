package raft

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

// appliedBy counts who calls Apply.
type appliedBy struct {
	StateMachine
	log, apply atomic.Int64 // goroutines
}

// Apply implements StateMachine.
func (a *appliedBy) Apply(entries []*raftpb.Entry) error {
	if strings.Contains(string(debug.Stack()), "runLog") {
		a.log.Add(1)
	} else {
		a.apply.Add(1)
	}
	return a.StateMachine.Apply(entries)
}

// One value at a time leaves the log goroutine nothing else to do, so it applies, unless a tick is in its way.
func TestOneMemberAppliesInItsLogGoroutine(t *testing.T) {
	by := &appliedBy{}
	c := newCluster(t, 1, func(cfg *Config) {
		by.StateMachine = cfg.StateMachine
		cfg.StateMachine = by
	})
	const count = 50
	m := c.leader()
	for i := range count {
		m.propose(fmt.Sprint(i))
		c.applied(fmt.Sprint(i), 1)
	}
	require.Greater(t, by.log.Load(), int64(count/2), "the apply goroutine was woken %d times", by.apply.Load())
}

func TestSeveralMembersApplyInTheirApplyGoroutines(t *testing.T) {
	var by [4]appliedBy
	c := newCluster(t, 3, func(cfg *Config) {
		by[cfg.ID].StateMachine = cfg.StateMachine
		cfg.StateMachine = &by[cfg.ID]
	})
	m := c.leader()
	for i := range 20 {
		m.propose(fmt.Sprint(i))
		c.applied(fmt.Sprint(i), 1, 2, 3)
	}
	for id := range by[1:] {
		require.Zero(t, by[1+id].log.Load())
		require.Positive(t, by[1+id].apply.Load())
	}
}
