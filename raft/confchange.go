package raft

import (
	"fmt"

	"go.etcd.io/raft/v3/confchange"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// confCall asks for a pass that makes a configuration change take effect.
type confCall struct {
	index  uint64             // of the change's entry
	before *raftpb.ConfState  // as of the entry before
	cc     raftpb.ConfChangeI // what the entry says
	cs     *raftpb.ConfState  // the answer: as of the entry
	done   chan struct{}
}

// ApplyConfChange makes the committed change at an index take effect and returns the new configuration; before is the one
// that it changes. If the library has taken a newer snapshot meanwhile, its own configuration stays as that says. Only
// StateMachine.Apply may call it, exactly once for each committed change (a refused one with no changes in it). When the node
// fails meanwhile, it does not return: the apply goroutine unwinds, so that nothing is made of a configuration that isn't there.
func (n *Node) ApplyConfChange(index uint64, before *raftpb.ConfState, cc raftpb.ConfChangeI) *raftpb.ConfState {
	call := &confCall{index: index, before: before, cc: cc, done: make(chan struct{})}
	n.calls.put(call)
	if n.driven && n.exclusively(n.stepCalls) != nil {
		panic(errUnwind)
	}
	<-call.done
	if call.cs == nil {
		panic(errUnwind)
	}
	return call.cs
}

// stepCalls makes configuration changes take effect.
func (n *Node) stepCalls() {
	n.usedCalls = n.calls.take(n.usedCalls)
	for _, call := range n.usedCalls {
		func() {
			defer close(call.done) // also when the library panics
			if call.index > n.restored {
				call.cs = n.raw.ApplyConfChange(call.cc)
				return
			}
			// The library has taken a snapshot in, configuration included, while entries below it waited to be applied.
			call.cs = changed(call.before, call.cc)
		}()
	}
}

// changed is a configuration after a change. Like the library it panics when the change is impossible.
func changed(before *raftpb.ConfState, cc raftpb.ConfChangeI) *raftpb.ConfState {
	c := confchange.Changer{Tracker: tracker.MakeProgressTracker(1, 0), LastIndex: 1}
	var err error
	take := func(config tracker.Config, progress tracker.ProgressMap, failed error) {
		c.Tracker.Config, c.Tracker.Progress, err = config, progress, failed
	}
	take(confchange.Restore(c, before))
	if err != nil {
		panic(fmt.Sprintf("configuration %v: %v", before, err))
	}
	switch v2 := cc.AsV2(); {
	case v2.LeaveJoint():
		take(c.LeaveJoint())
	default:
		if autoLeave, joint := v2.EnterJoint(); joint {
			take(c.EnterJoint(autoLeave, v2.GetChanges()...))
		} else {
			take(c.Simple(v2.GetChanges()...))
		}
	}
	if err != nil {
		panic(fmt.Sprintf("change %v of configuration %v: %v", cc, before, err))
	}
	return c.Tracker.ConfState()
}
