package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/robustness"
)

// checks look at what happens, knowing nothing of the faults.
type checks struct {
	w *world

	mu      sync.Mutex
	errs    []error
	leaders map[uint64]uint64 // by term
	states  map[uint64]point  // by applied index
	reached map[*member]uint64
}

// point is a state, as far as it is cheap to tell.
type point struct {
	term     uint64
	revision int64
	from     string
}

func newChecks(w *world) *checks {
	return &checks{w: w, leaders: map[uint64]uint64{}, states: map[uint64]point{}, reached: map[*member]uint64{}}
}

// fail records a broken promise.
func (c *checks) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) < 5 {
		c.errs = append(c.errs, fmt.Errorf("at %v: "+format, append([]any{c.w.now()}, args...)...))
	}
}

func (c *checks) ok() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.errs) == 0
}

// err is what was found.
func (c *checks) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrViolated, errors.Join(c.errs...))
}

// started checks that a state did not lose what it had on its disk.
func (c *checks) started(m *member, index uint64) {
	if index < m.durable {
		c.fail("%s had index %d on its disk, and starts at %d", m.name, m.durable, index)
	}
	c.reached[m] = index
}

// saw looks at a member after each of its steps.
func (c *checks) saw(m *member, s replica.Status) {
	if s.IsLeader {
		if other, ok := c.leaders[s.Term]; ok && other != s.MemberID {
			c.fail("%x and %x lead in term %d", other, s.MemberID, s.Term)
		}
		c.leaders[s.Term] = s.MemberID
	}
	index, term := m.replica.Store().Applied()
	if index < c.reached[m] {
		c.fail("%s goes back from index %d to %d", m.name, c.reached[m], index)
	}
	if index == c.reached[m] {
		return
	}
	c.reached[m] = index
	here := point{term, m.replica.Store().Revision(), m.name}
	there, known := c.states[index]
	if known && (here.term != there.term || here.revision != there.revision) {
		c.fail("states differ at index %d: %+v and %+v", index, here, there)
	}
	c.states[index] = here
}

// calm waits until the healed cluster is one again, and checks that it is.
func (c *checks) calm() {
	w := c.w
	deadline := w.now() + 90*time.Second
	var answered bool
	probe := func() {
		if m := w.leader(); m != nil {
			w.clients.do(func(ctx context.Context) {
				if w.clients.probe(ctx, m) == nil {
					answered = true
				}
			})
		}
	}
	for n := 0; !answered && w.now() < deadline && c.ok(); n++ {
		probe()
		w.run(w.now()+5*time.Second, func() bool { return answered })
	}
	if c.ok() && !answered {
		c.fail("the healed cluster takes no writes: %s", c.describe())
	}
	// Longer than any lease has, and an election, and what its end takes.
	w.run(w.now()+20*time.Second, nil)
	c.come()
	for met, n := w.meetDamage(), 0; c.ok() && len(met) > 0; met, n = w.meetDamage(), n+1 {
		if n == meetsMax {
			c.fail("damage is met again and again: %s", c.describe())
		}
		lives := map[*member]int{}
		for _, m := range met {
			lives[m] = m.life
		}
		w.run(w.now()+repairMax, func() bool {
			return !slices.ContainsFunc(met, func(m *member) bool { return m.life == lives[m] })
		})
		c.come()
	}
}

// meetsMax bounds how often members whose files were damaged find something, once all is healed. A part that is made anew is whole.
const meetsMax = 4

// repairMax is longer than a member goes on that could not make its state anew.
const repairMax = 11 * time.Minute

// come waits until the members are at one index.
func (c *checks) come() {
	w := c.w
	w.run(w.now()+30*time.Second, c.together)
	if c.ok() && !c.together() {
		c.fail("the members do not come together: %s", c.describe())
	}
}

// together tells that all members are at one index.
func (c *checks) together() bool {
	var first uint64
	if c.w.operator.task != nil {
		return false
	}
	for i, m := range c.w.seated() {
		if m.replica == nil {
			return false
		}
		s := m.replica.Status()
		if i == 0 {
			first = s.AppliedIndex
		}
		if s.AppliedIndex != first || s.CommitIndex != first || s.Leader == 0 {
			return false
		}
	}
	return true
}

func (c *checks) describe() string {
	var b strings.Builder
	for _, m := range c.w.members {
		if m.replica == nil {
			fmt.Fprintf(&b, "\n  %s is down", m.name)
			continue
		}
		fmt.Fprintf(&b, "\n  %s %+v", m.name, m.replica.Status())
	}
	return b.String()
}

// record is what clients and watches saw of a run, and what is there in the end.
type record struct {
	ops, locals []robustness.Operation
	events      []robustness.Event
	sessions    []*robustness.Session
	stored      map[string]robustness.State
	revision    int64
	tree        treeRecord
	saved       *saved // nil: nothing was
}

// record takes what is to be held against the history.
func (c *checks) record() (r record) {
	w, first := c.w, c.w.seated()[0].replica.Store()
	c.members()
	c.hashes()
	c.leases()
	stored, err := readAll(first)
	c.found(err)
	r = record{events: w.watches.reference(), sessions: w.watches.sessions, stored: stored, revision: first.Revision()}
	r.tree = c.treeRecord(w.seated()[0])
	for _, o := range w.clients.ops {
		r.ops = append(r.ops, *o)
	}
	for _, o := range w.clients.locals {
		r.locals = append(r.locals, *o)
	}
	for _, s := range r.sessions {
		w.watches.complete(s, r.events, first.CompactRevision())
	}
	w.stats.Events, w.stats.Sessions = len(r.events), len(r.sessions)
	return r
}

// check holds all that was seen against the history. It needs no bubble.
func (r *record) check() error {
	keys := byKey(r.events)
	errs := []error{
		robustness.CheckHistory(r.events, 1, r.revision, r.ops, r.stored),
		checkAnswers(keys, r.ops),
		checkAnswers(keys, r.locals),
		checkOrder(r.events, r.ops),
	}
	for _, s := range r.sessions {
		errs = append(errs, robustness.CheckWatch(r.events, s))
	}
	errs = append(errs, r.tree.check())
	if r.saved != nil {
		errs = append(errs, r.saved.check(keys, byKey(r.tree.events)))
	}
	return errors.Join(errs...)
}

func (c *checks) found(err error) {
	if err != nil {
		c.fail("%w", err)
	}
}

// members checks that those who run are the members that each of them names, all with a vote, and that nobody names one who is gone.
func (c *checks) members() {
	runs := map[uint64]bool{}
	for _, m := range c.w.seated() {
		runs[m.id] = true
	}
	for _, m := range c.w.seated() {
		named := m.replica.Cluster().Members()
		for _, n := range named {
			if n.IsLearner || !runs[n.ID] || c.w.operator.left[n.ID] {
				c.fail("%s names member %x, a learner: %v, running: %v, removed: %v", m.name, n.ID, n.IsLearner, runs[n.ID], c.w.operator.left[n.ID])
			}
		}
		if len(named) != len(runs) {
			c.fail("%s names %d members, %d run", m.name, len(named), len(runs))
		}
	}
}

// hashes checks that the states are the same.
func (c *checks) hashes() {
	var first uint32
	for i, m := range c.w.seated() {
		h, err := m.replica.Store().Hash()
		if err != nil {
			c.fail("%s: hash: %w", m.name, err)
			return
		}
		if i == 0 {
			first = h
		}
		if h != first {
			c.fail("hash of %s is %x, of %s %x", m.name, h, c.w.seated()[0].name, first)
		}
		c.w.trace.add(h)
	}
}

// leases checks that none ended before its time, and that all have ended.
func (c *checks) leases() {
	for _, g := range c.w.clients.leases {
		at, gone := c.w.watches.expired[g.key]
		if gone && g.renewed > 0 && at < g.renewed+g.ttl {
			c.fail("lease %d of %v, renewed at %v, ended at %v", g.id, g.ttl, g.renewed, at)
		}
	}
	c.gone()
}

// gone checks that no lease is there any more.
func (c *checks) gone() {
	for _, g := range c.w.clients.leases {
		for _, m := range c.w.seated() {
			if m.replica.Store().LeaseExists(g.id) {
				c.fail("lease %d of %v, renewed at %v, is still there on %s", g.id, g.ttl, g.renewed, m.name)
			}
		}
	}
}

// forget makes room for another cluster.
func (c *checks) forget() {
	c.leaders, c.states, c.reached = map[uint64]uint64{}, map[uint64]point{}, map[*member]uint64{}
}

func isLeased(key string) bool { return strings.HasPrefix(key, "lease") }

// readAll reads all keys of a store.
func readAll(r apply.Reader) (map[string]robustness.State, error) {
	resp, err := apply.Range(context.Background(), r, &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		return nil, err
	}
	state := map[string]robustness.State{}
	for _, kv := range resp.Kvs {
		state[string(kv.Key)] = robustness.State{Value: string(kv.Value), Create: kv.CreateRevision, Mod: kv.ModRevision, Version: kv.Version}
	}
	return state, nil
}
