package simulation

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing/synctest"
	"time"

	"github.com/petcd/petcd/server/robustness"
)

// world is one cluster, its machines and its clients, in a bubble of testing/synctest: there time stands still while anybody has
// something to do, and step by step one goroutine decides what happens next.
type world struct {
	plan  Plan
	hooks Hooks
	rng   *rand.Rand
	began time.Time

	queue  queue
	pushed uint64

	members   []*member
	operator  *operator
	net       *network
	clients   *clients
	watches   *watches
	tree      *tree
	checks    *checks
	saved     *saved // nil: nothing was saved
	restoring bool   // what happens is another cluster's, which was made of that
	stats     Stats
	trace     trace
}

// trace sums up what happened, so that two runs can be compared.
type trace struct{ sum uint64 }

func (t *trace) add(parts ...any) {
	h := fnv.New64a()
	fmt.Fprint(h, t.sum)
	fmt.Fprint(h, parts...)
	t.sum = h.Sum64()
}

// event is something that happens at a time.
type event struct {
	at     time.Duration
	number uint64 // in the order in which they were planned
	do     func()
}

// queue holds events, the soonest first.
type queue []event

// Len is heap.Interface's, as are the methods below.
func (q queue) Len() int { return len(q) }

// Less orders by time, then by number.
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].number < q[j].number
}

// Swap is heap.Interface's.
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *queue) Push(x any) { *q = append(*q, x.(event)) }

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}

func newWorld(p Plan, h Hooks) *world {
	w := &world{plan: p, hooks: h, rng: rand.New(rand.NewPCG(p.Seed, 1)), began: time.Now()}
	w.net = newNetwork(w)
	w.operator = newOperator(w)
	w.clients = &clients{w: w, seen: map[string]robustness.Answer{}}
	w.watches = newWatches(w)
	w.tree = newTree(w)
	w.checks = newChecks(w)
	for i := range p.Shape.Members + p.Shape.Spare {
		w.members = append(w.members, newMember(w, i))
	}
	return w
}

// now is how long the world has been there.
func (w *world) now() time.Duration { return time.Since(w.began) }

// at plans something.
func (w *world) at(at time.Duration, do func()) {
	w.pushed++
	heap.Push(&w.queue, event{max(at, w.now()), w.pushed, do})
}

// after plans something, some time from now.
func (w *world) after(d time.Duration, do func()) { w.at(w.now()+d, do) }

// run lets things happen until a time, or until done says so, or until something is found to be wrong.
func (w *world) run(until time.Duration, done func() bool) {
	for w.checks.ok() {
		w.settle()
		if done != nil && done() {
			return
		}
		if len(w.queue) == 0 || w.queue[0].at > until {
			time.Sleep(until - w.now())
			w.settle()
			return
		}
		e := heap.Pop(&w.queue).(event)
		if d := e.at - w.now(); d > 0 {
			time.Sleep(d)
			w.settle()
		}
		e.do()
		if w.stats.Steps++; w.stats.Steps == stepsMax {
			w.checks.fail("something goes on for ever: %s", w.checks.describe())
		}
	}
}

// stepsMax is many times what a run takes.
const stepsMax = 2_000_000

// settle waits until nobody has anything to do, and plans what follows from that.
func (w *world) settle() {
	synctest.Wait()
	for _, m := range w.members {
		m.settle()
	}
	w.operator.settle()
}

// between draws a time.
func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)))
}

// leader is who leads, as far as anybody knows; nil when nobody does.
func (w *world) leader() (leader *member) {
	var term uint64
	for _, m := range w.members {
		if m.replica == nil {
			continue
		}
		if s := m.replica.Status(); s.IsLeader && s.Term > term {
			leader, term = m, s.Term
		}
	}
	return leader
}
