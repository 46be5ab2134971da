package simulation

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/robustness"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/schema"
	"github.com/petcd/petcd/storage/v2store"
)

// tree is API 2: what its clients ask for, and a watch of the whole tree on each member. Its checks are those of the keys, with the
// tree's index in the place of the revision.
type tree struct {
	w *world

	mu      sync.Mutex
	ops     []*robustness.Operation
	locals  []*robustness.Operation
	seen    map[string]robustness.Answer // as clients.seen
	history map[int64]robustness.Event   // by index, as the first member told it
	last    int64                        // index
	running map[*member][]*v2store.Watcher
	told    map[*member]int64 // how far the newest watch on a member got
}

// treeRoot is where clients' keys are.
const treeRoot = "/1"

func newTree(w *world) *tree {
	return &tree{w: w, seen: map[string]robustness.Answer{}, history: map[int64]robustness.Event{}, running: map[*member][]*v2store.Watcher{}, told: map[*member]int64{}}
}

// ask sends a demand.
func (t *tree) ask(m *member, d Demand) {
	op := robustness.Operation{Key: fmt.Sprint(treeRoot, "/t", d.Key), Call: t.w.now(), Client: len(t.ops)}
	switch d.Kind {
	case TreeLocalGet:
		t.localGet(m, op)
		return
	case TreePut:
		op.Kind, op.Value = robustness.Put, fmt.Sprint("v", d.Number)
	case TreeDelete:
		op.Kind = robustness.Delete
	case TreeSwap:
		op.Kind, op.Value, op.Expect = robustness.Swap, fmt.Sprint("v", d.Number), t.seen[op.Key].Value
	case TreeGet:
		op.Kind = robustness.Get
	default:
		panic(fmt.Sprintf("simulation: demand of kind %d", d.Kind))
	}
	rec, life := &op, m.life
	t.ops = append(t.ops, rec)
	t.w.clients.do(func(ctx context.Context) {
		a, err := t.request(ctx, m, d, op)
		t.w.clients.answered(m, life, err, func() {
			rec.Known, rec.Return, rec.Answer = true, t.w.now(), a
			if a.Found && a.ModRevision > t.seen[op.Key].ModRevision {
				t.seen[op.Key] = a
			}
		})
	})
}

// localGet reads what a member has.
func (t *tree) localGet(m *member, op robustness.Operation) {
	a, err := t.read(m, op.Key)
	if m.rotten && replica.IsDamage(err) {
		return
	}
	if err != nil {
		t.w.checks.fail("%s: read the tree: %w", m.name, err)
		return
	}
	op.Kind, op.Known, op.Return, op.Answer = robustness.Get, true, op.Call, a
	t.locals = append(t.locals, &op)
}

// request performs an operation as the API does.
func (t *tree) request(ctx context.Context, m *member, d Demand, op robustness.Operation) (a robustness.Answer, err error) {
	if op.Kind == robustness.Get {
		if !t.w.hooks.LocalTreeReads {
			if err := m.replica.ReadBarrier(ctx); err != nil {
				return a, err
			}
		}
		return t.read(m, op.Key)
	}
	req := &v2pb.Request{Method: "PUT", Path: op.Key, Val: op.Value}
	switch {
	case op.Kind == robustness.Delete:
		req.Method = "DELETE"
	case op.Kind == robustness.Swap && op.Expect == "":
		req.PrevExist = new(bool)
	case op.Kind == robustness.Swap:
		req.PrevValue = op.Expect
	}
	e, err := m.gate.proposeV2(ctx, int64(d.Number), req)
	return treeAnswer(e, err)
}

// read reads a key of a member's tree.
func (t *tree) read(m *member, key string) (a robustness.Answer, err error) {
	e, err := m.replica.Store().V2Get(key, false, time.Now())
	if a, err = treeAnswer(e, err); err == nil && a.Done {
		a.Done, a.Found, a.Value, a.ModRevision = false, true, *e.Node.Value, int64(e.Node.ModifiedIndex)
	}
	return a, err
}

// untold is the index of a key in an answer that does not tell it.
const untold = -1

// treeAnswer is what an answer says: a refusal tells whether there was a key.
func treeAnswer(e *v2store.Event, err error) (a robustness.Answer, _ error) {
	var refused *v2store.Error
	switch {
	case errors.As(err, &refused) && refused.Code == v2store.CodeKeyNotFound:
		return robustness.Answer{Revision: int64(refused.Index)}, nil
	case errors.As(err, &refused) && (refused.Code == v2store.CodeTestFailed || refused.Code == v2store.CodeNodeExists):
		return robustness.Answer{Found: true, ModRevision: untold, Revision: int64(refused.Index)}, nil
	case err != nil:
		return a, err
	}
	return robustness.Answer{Done: true, Revision: int64(e.Index)}, nil
}

// follow begins the watch of a member's tree, a little before what is known.
func (t *tree) follow(m *member) {
	since := max(1, t.last-int64(m.rng.IntN(50)))
	if watcher := t.watch(m, m.replica.Store(), since); watcher != nil {
		go t.receive(m, m.replica.Store(), watcher)
	}
}

// watch begins a watch, at what comes next if since is 0.
func (t *tree) watch(m *member, store *storage.Store, since int64) *v2store.Watcher {
	watcher, err := store.V2Watch(treeRoot, true, true, uint64(since))
	if err != nil {
		t.w.checks.fail("%s: watch the tree: %w", m.name, err)
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running[m] = append(t.running[m], watcher)
	if t.told[m] = since - 1; since == 0 {
		t.told[m] = int64(watcher.StartIndex())
	}
	return watcher
}

// leave ends the watches of a member.
func (t *tree) leave(m *member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, watcher := range t.running[m] {
		watcher.Close()
	}
	delete(t.running, m)
}

// receive records what a watch tells. Every change is one of a client's keys, so that the indexes have no gap. Where there were more
// changes than are kept, a member whose state came from another one may be told that they are gone.
func (t *tree) receive(m *member, store *storage.Store, watcher *v2store.Watcher) {
	for watcher != nil {
		e, err := watcher.Next(context.Background())
		var refused *v2store.Error
		switch {
		case err == nil:
			if index := int64(e.Node.ModifiedIndex); !t.w.hooks.LoseTreeEvents || index%5 != 4 {
				t.record(m, index, treeEvent(e))
			}
		case errors.As(err, &refused) && refused.Code == v2store.CodeIndexCleared && refused.Index > schema.V2EventsKept:
			watcher = t.watch(m, store, 0)
		case errors.Is(err, v2store.ErrWatchEnded), m.rotten && replica.IsDamage(err):
			return
		default:
			t.w.checks.fail("%s: the tree's watch: %w", m.name, err)
			return
		}
	}
}

// treeEvent is a change as the checks know it.
func treeEvent(e *v2store.Event) robustness.Event {
	ev := robustness.Event{Revision: int64(e.Node.ModifiedIndex), Key: e.Node.Key, Create: int64(e.Node.CreatedIndex)}
	if e.Node.Value != nil {
		ev.Value = *e.Node.Value
	}
	ev.Delete = e.Action == v2store.Delete || e.Action == v2store.CompareAndDelete || e.Action == v2store.Expire
	if p := e.PrevNode; p != nil && p.Value != nil {
		ev.Previous = &robustness.Previous{Value: *p.Value, ModRevision: int64(p.ModifiedIndex)}
	}
	return ev
}

// record adds an event to the history, or compares it with what another watch told.
func (t *tree) record(m *member, index int64, ev robustness.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.w.restoring {
		return // another cluster's
	}
	if index != t.told[m]+1 {
		t.w.checks.fail("%s: the tree's watch goes from index %d to %d", m.name, t.told[m], index)
	}
	t.told[m] = index
	known, ok := t.history[index]
	if !ok {
		t.history[index], t.last = ev, max(t.last, index)
		return
	}
	if !reflect.DeepEqual(known, ev) {
		t.w.checks.fail("%s tells of index %d %+v, before it was %+v", m.name, index, ev, known)
	}
}

// treeOf are the files of a store's tree, and its index.
func treeOf(read func(path string, recursive bool, now time.Time) (*v2store.Event, error)) (map[string]robustness.State, int64, error) {
	e, err := read(treeRoot, true, time.Now())
	if err != nil {
		return nil, 0, err
	}
	files := map[string]robustness.State{}
	for _, n := range e.Node.Nodes {
		if n.Value != nil {
			files[n.Key] = robustness.State{Value: *n.Value, Create: int64(n.CreatedIndex), Mod: int64(n.ModifiedIndex)}
		}
	}
	return files, int64(e.Index), nil
}

// treeRecord is what was seen of the tree in a run.
type treeRecord struct {
	ops, locals []robustness.Operation
	events      []robustness.Event // all, in order
	files       map[string]robustness.State
	index       int64
}

// treeRecord takes what is to be held against the tree's history.
func (c *checks) treeRecord(m *member) (r treeRecord) {
	t := c.w.tree
	var err error
	r.files, r.index, err = treeOf(m.replica.Store().V2Get)
	c.found(err)
	for _, m := range c.w.seated() {
		if got := t.told[m]; got < r.index {
			c.fail("%s: the tree's watch got to index %d of %d", m.name, got, r.index)
		}
	}
	for index := int64(1); index <= t.last; index++ {
		if ev, ok := t.history[index]; ok {
			r.events = append(r.events, ev)
		}
	}
	for _, o := range t.ops {
		r.ops = append(r.ops, *o)
	}
	for _, o := range t.locals {
		r.locals = append(r.locals, *o)
	}
	c.w.stats.TreeEvents = len(r.events)
	return r
}

// check holds all that was seen of the tree against its history.
func (r *treeRecord) check() error {
	if int64(len(r.events)) != r.index {
		return fmt.Errorf("%w: the tree's index is %d, and its history has %d events", ErrViolated, r.index, len(r.events))
	}
	keys := byKey(r.events)
	errs := []error{
		checkAnswers(keys, r.ops), checkAnswers(keys, r.locals), checkOrder(r.events, r.ops),
		checkState(keys, r.index, r.files), checkWriters(keys, r.events, r.ops), checkPrevious(keys, r.events),
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("API 2: %w", err)
	}
	return nil
}

// checkState compares what there is, of keys or files, with the history up to a revision or index.
func checkState(keys map[string]versions, at int64, state map[string]robustness.State) error {
	exist := 0
	for key, vs := range keys {
		e, ok := vs.at(at)
		f, found := state[key]
		if ok {
			exist++
		}
		if ok != found || ok && (f.Value != e.Value || f.Mod != e.Revision) {
			return fmt.Errorf("%w: at %d %q is %+v, which was %+v", ErrViolated, at, key, f, e)
		}
	}
	if exist != len(state) {
		return fmt.Errorf("%w: at %d there are %d keys, not %d", ErrViolated, at, len(state), exist)
	}
	return nil
}

// checkWriters checks that each acknowledged change is in the history at its index, and that each event there is what one client asked
// for, whom nobody answered otherwise.
func checkWriters(keys map[string]versions, events []robustness.Event, ops []robustness.Operation) error {
	at := map[int64]robustness.Event{}
	for _, e := range events {
		at[e.Revision] = e
	}
	acknowledged := map[int64]robustness.Operation{}
	unknown := map[string][]robustness.Operation{} // by what they leave
	for _, o := range ops {
		switch {
		case o.Kind == robustness.Get:
		case !o.Known:
			unknown[o.Key+"="+o.Value] = append(unknown[o.Key+"="+o.Value], o)
		case changes(o):
			if e := at[o.Answer.Revision]; e.Key != o.Key || e.Value != o.Value || e.Delete != (o.Kind == robustness.Delete) {
				return fmt.Errorf("%w: %v\n  is not in the history, which has %+v", ErrViolated, o, e)
			}
			acknowledged[o.Answer.Revision] = o
		}
	}
	for _, e := range events {
		o, ok := acknowledged[e.Revision]
		if mayBe := unknown[e.Key+"="+e.Value]; !ok && len(mayBe) > 0 {
			o, ok = mayBe[0], true
			unknown[e.Key+"="+e.Value] = mayBe[1:]
		}
		if !ok || (o.Kind == robustness.Delete) != e.Delete {
			return fmt.Errorf("%w: nobody asked for %+v", ErrViolated, e)
		}
		before, existed := keys[e.Key].at(e.Revision - 1)
		created := e.Revision
		if e.Delete || o.Kind == robustness.Swap && o.Expect != "" {
			created = before.Create
		}
		if e.Create != created || o.Kind == robustness.Swap && !expected(o, before, existed) {
			return fmt.Errorf("%w: %+v follows %+v, asked for by %v", ErrViolated, e, before, o)
		}
	}
	return nil
}

// checkPrevious checks what events say of the time before them.
func checkPrevious(keys map[string]versions, events []robustness.Event) error {
	for _, e := range events {
		before, existed := keys[e.Key].at(e.Revision - 1)
		if existed != (e.Previous != nil) || existed && (e.Previous.Value != before.Value || e.Previous.ModRevision != before.Revision) {
			return fmt.Errorf("%w: the event %+v follows %+v", ErrViolated, e, before)
		}
	}
	return nil
}
