package simulation

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
)

// operator replaces members: he has one removed from the cluster, gives its machine an empty disk and adds it as a new member, as a
// voter or as a learner that gets its vote later. He does one thing at a time, and ends it: what he got no answer to he asks again.
type operator struct {
	w       *world
	task    *task           // nil: he has nothing to do
	removed map[uint64]bool // the members whose removal he has asked for, and may have got
	left    map[uint64]bool // of these, the ones that are known to be gone

	mu      sync.Mutex
	answers []func() // what follows from answers that came
}

func newOperator(w *world) *operator {
	return &operator{w: w, removed: map[uint64]bool{}, left: map[uint64]bool{}}
}

// task is the replacement of one member, or the first addition of a machine.
type task struct {
	m       *member
	id      uint64 // of the member that is removed, then of the one that is promoted
	learner bool
	pause   time.Duration // between removal and addition
	unknown bool          // an addition or removal that got no answer may have happened, or may yet

	refusals int
}

// refusalsMax is how often the operator hears that a removal would cost the quorum until he gives up.
const refusalsMax = 5

// replace begins a task.
func (o *operator) replace(f Fault, m *member) {
	if o.task != nil {
		return
	}
	t := &task{m: m, learner: f.Amount%2 == 0, pause: f.For}
	switch {
	case m.vacant:
		o.task = t
		o.add()
	case len(o.w.seated()) > 1 && m.id != 0:
		o.task, t.id = t, m.id
		o.remove()
	}
}

// leader is the member to ask; nil: none answers.
func (o *operator) leader() *member {
	if m := o.w.leader(); m != nil && m.pausedUntil <= o.w.now() {
		return m
	}
	return nil
}

// ask asks the leader for something, and goes on when the answer has come.
func (o *operator) ask(what func(context.Context, *replica.Replica) error, then func(error)) {
	leader := o.leader()
	if leader == nil {
		o.later(func() { o.ask(what, then) })
		return
	}
	r, life := leader.replica, leader.life
	o.w.clients.do(func(ctx context.Context) {
		err := what(ctx, r)
		o.mu.Lock()
		defer o.mu.Unlock()
		if !leader.lives(life) {
			err = errLost
		}
		o.answers = append(o.answers, func() { then(err) })
	})
}

// later does something again, not at once.
func (o *operator) later(do func()) { o.w.after(o.w.between(time.Second, 3*time.Second), do) }

// settle goes on after an answer.
func (o *operator) settle() {
	o.mu.Lock()
	answers := o.answers
	o.answers = nil
	o.mu.Unlock()
	for _, then := range answers {
		then()
	}
}

func (o *operator) remove() {
	t := o.task
	o.removed[t.id] = true
	o.ask(func(ctx context.Context, leader *replica.Replica) error {
		_, err := leader.RemoveMember(ctx, t.id)
		return err
	}, func(err error) {
		switch {
		case err == nil || t.m.vacant || errors.Is(err, membership.ErrIDRemoved) || errors.Is(err, membership.ErrIDNotFound):
			o.w.stats.Removals++
			o.left[t.id] = true
			t.m.leave()
			t.unknown = false
			o.w.after(t.pause, o.add)
		case refused(err) && !t.unknown && t.refusals == refusalsMax:
			o.task = nil
			delete(o.removed, t.id)
		default:
			t.refusals++
			t.unknown = t.unknown || !refused(err)
			o.later(o.remove)
		}
	})
}

// refused tells that a change of members was not made, and will not be.
func refused(err error) bool {
	return errors.Is(err, replica.ErrNotEnoughStarted) || errors.Is(err, replica.ErrUnhealthy) || errors.Is(err, membership.ErrTooManyLearners)
}

// add adds the machine to the cluster. By an earlier try it may be a member already; then it can begin.
func (o *operator) add() {
	t := o.task
	if t.unknown && t.m.join() {
		o.w.stats.Additions++
		o.promote()
		return
	}
	if o.leader() == nil { // it may take this machine's vote to have one
		o.later(o.add)
		return
	}
	o.ask(func(ctx context.Context, leader *replica.Replica) error {
		u := peerURL(t.m.index)
		_, _, err := leader.AddMember(ctx, []string{u.String()}, t.learner)
		return err
	}, func(err error) {
		if err == nil {
			t.unknown = true
			o.add()
			return
		}
		t.unknown = t.unknown || !refused(err)
		o.later(o.add)
	})
}

// promote gives the new member its vote, if it has none.
func (o *operator) promote() {
	t := o.task
	if !t.learner {
		o.task = nil
		return
	}
	if t.m.vacant { // it is none (tookOut)
		o.add()
		return
	}
	if t.id != t.m.id {
		t.id, t.unknown = t.m.id, false
	}
	o.ask(func(ctx context.Context, leader *replica.Replica) error {
		_, err := leader.PromoteMember(ctx, t.id)
		return err
	}, func(err error) {
		if err == nil || errors.Is(err, membership.ErrNotLearner) && t.unknown {
			o.task = nil
			return
		}
		t.unknown = t.unknown || !errors.Is(err, replica.ErrLearnerNotReady)
		o.later(o.promote)
	})
}

// leave ends what runs on a machine that is no member any more, and gives it an empty disk.
func (m *member) leave() {
	if m.vacant {
		return
	}
	m.stop()
	m.emptyDisk()
	m.vacant, m.joined, m.durable, m.id, m.rotten = true, false, 0, 0, false
	m.w.trace.add("leave", m.index, m.w.now())
}

// join begins the process of a machine that was added to the cluster, and tells whether it began: it needs to hear from another member,
// and is none yet if the addition did not happen.
func (m *member) join() bool {
	m.vacant, m.joined = false, true
	m.start()
	m.vacant = m.replica == nil
	return !m.vacant
}

// seated are the machines that are members.
func (w *world) seated() (ms []*member) {
	for _, m := range w.members {
		if !m.vacant {
			ms = append(ms, m)
		}
	}
	return ms
}

// tookOut tells whether a member may end because it was removed: when the operator has asked for that. A new member may take itself
// for the one before, if it learned who it is from a member that lags; then its machine begins once more.
func (o *operator) tookOut(m *member) bool {
	if !o.removed[m.id] {
		return false
	}
	o.left[m.id] = true // which must be true in the end (members)
	began := m.joined
	m.leave()
	if began && (o.task == nil || o.task.m != m) {
		o.later(func() { o.again(m) })
	}
	return true
}

// again adds a machine once more that was added already.
func (o *operator) again(m *member) {
	if o.task != nil {
		o.later(func() { o.again(m) })
		return
	}
	if m.vacant {
		o.task = &task{m: m, unknown: true}
		o.add()
	}
}
