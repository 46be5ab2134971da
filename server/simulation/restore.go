package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing/synctest"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/robustness"
	"github.com/petcd/petcd/storage"
)

// saved is a snapshot that was taken in the middle of a run, and what a cluster had that was made of it.
type saved struct {
	archive  []byte
	revision int64 // as of which it was taken
	treeAt   int64 // index of API 2's tree then
	rotten   bool  // there may be damage in it that was not met yet
	bumped   bool  // the new cluster's revision is raised

	restored map[string]robustness.State // nil: it was not tried
	found    int64                       // the revision there
	files    map[string]robustness.State // of API 2's tree
	index    int64
}

// bump is by how much a restoration raises the revision, if it does.
const bump = 1000

// save takes a snapshot of a member, as a client does who keeps it for later.
func (w *world) save() {
	m := w.members[w.plan.Shape.SaveFrom]
	if !m.lives(m.life) {
		return
	}
	store := m.replica.Store()
	index, _ := store.Applied()
	now := &saved{revision: store.Revision(), treeAt: int64(store.V2Index()), rotten: m.rotten, bumped: w.plan.Shape.Bump}
	s, err := store.Snapshot()
	if err == nil {
		if s.Revision != now.revision || s.Index < index {
			w.checks.fail("%s: a snapshot of revision %d, index %d, taken at %d, %d", m.name, s.Revision, s.Index, now.revision, index)
		}
		var archive bytes.Buffer
		_, err = s.WriteTo(&archive)
		err = errors.Join(err, s.Close())
		now.archive = archive.Bytes()
	}
	synctest.Wait()
	switch {
	case m.dead:
	case err == nil:
		w.saved = now
	case !errors.Is(err, errInjected) && !(m.rotten && replica.IsDamage(err)):
		w.checks.fail("%s: snapshot: %w", m.name, err)
	}
}

// restore makes a new cluster, on the founders' machines with empty disks, of what was saved, and runs it until it is one.
func (w *world) restore() {
	if w.saved == nil {
		return
	}
	w.operator, w.restoring = newOperator(w), true
	for _, m := range w.members {
		m.leave()
	}
	w.queue = nil // what is left of the old cluster's doings
	w.checks.forget()
	for _, m := range w.members[:w.plan.Shape.Members] {
		m.vacant, m.joined = false, false
		m.emptyDisk()
		whole := m.restore(w.saved)
		if !whole {
			w.saved = nil // its damage was met
		}
		if !whole || !w.checks.ok() {
			return
		}
	}
	for _, m := range w.members {
		m.start()
	}
	w.checks.calm()
	if w.checks.ok() {
		w.checks.members()
		w.checks.hashes()
		w.checks.gone()
		for _, m := range w.seated() {
			w.saved.outlived(m)
		}
	}
}

// outlived checks that what was restored is still there, but for keys whose leases have ended since.
func (s *saved) outlived(m *member) {
	state, err := readAll(m.replica.Store())
	files, _, treeErr := treeOf(m.replica.Store().V2Get)
	m.w.checks.found(errors.Join(err, treeErr))
	lasting := maps.Clone(s.restored)
	maps.DeleteFunc(lasting, func(key string, _ robustness.State) bool { return isLeased(key) })
	if !maps.Equal(state, lasting) || !maps.Equal(files, s.files) {
		m.w.checks.fail("%s was restored to %+v, %+v, and has %+v, %+v", m.name, s.restored, s.files, state, files)
	}
}

// restore makes the machine's files, durable though its power is lost right after. Where it is lost meanwhile, and there is no whole
// member yet, what is left is removed and all done once more. It reports false if the snapshot turns out to be damaged, of a member
// whose files were.
func (m *member) restore(s *saved) bool {
	if m.rng.IntN(2) == 0 {
		m.disk.crashIn(1+m.rng.IntN(200), func() {})
	}
	for {
		err := m.restoration(s)
		image := m.disk.faults.image
		if image == nil {
			if s.rotten && replica.IsDamage(err) {
				return false
			}
			if err != nil {
				m.w.checks.fail("%s: restore: %w", m.name, err)
				return true
			}
			m.disk.crashIn(0, nil)
			m.powerOff()
			break
		}
		m.disk = image
		if m.restoredWhole() {
			break
		}
		if err := m.disk.RemoveAll("data"); err != nil {
			m.w.checks.fail("%s: remove: %w", m.name, err)
			return true
		}
	}
	m.w.stats.Restored++
	return m.compare(s)
}

// restoredWhole tells whether a loss of power came late enough that the member can begin. A crash may also leave its folder both names
// of the last renaming; then a start asks for the removal of what is there.
func (m *member) restoredWhole() bool {
	_, whole := m.disk.Stat("data/member")
	_, partly := m.disk.Stat("data/member.restoring")
	return whole == nil && partly != nil
}

// restoration is what the operator asks for.
func (m *member) restoration(s *saved) error {
	return replica.Restore(replica.Restoration{
		FS: m.disk, DataDir: "data", Name: m.name, InitialCluster: m.config().InitialCluster, Token: "restored",
		Fill: storage.FromArchive(bytes.NewReader(s.archive)),
		Edit: func(e *storage.Edit) error {
			if s.bumped {
				return e.Bump(bump)
			}
			return nil
		},
	})
}

// compare reads what the files hold; all members' must hold the same. It reports false if they hold the damage of what was saved.
func (m *member) compare(s *saved) bool {
	here := *s
	store, err := storage.Open("data/member/state", storage.Options{FS: m.disk, Still: true, FlushInterval: -1})
	if err == nil {
		var treeErr error
		here.restored, err = readAll(store)
		here.files, here.index, treeErr = treeOf(store.V2Get)
		here.found = store.Revision()
		err = errors.Join(err, treeErr, store.Close())
	}
	synctest.Wait()
	if s.rotten && replica.IsDamage(err) {
		return false
	}
	if err != nil {
		m.w.checks.fail("%s: read what was restored: %w", m.name, err)
	}
	if s.restored != nil && !reflect.DeepEqual(*s, here) {
		m.w.checks.fail("%s was restored to %+v, %+v, others to %+v, %+v", m.name, here.restored, here.files, s.restored, s.files)
	}
	*s = here
	return true
}

// check holds what was restored against the histories of keys and tree that it was saved from.
func (s *saved) check(keys, tree map[string]versions) error {
	want := s.revision
	if s.bumped {
		want += bump
	}
	if s.found != want || s.index != s.treeAt {
		return fmt.Errorf("%w: a snapshot of revision %d, and of the tree's index %d, was restored to %d and %d", ErrViolated, s.revision, s.treeAt, s.found, s.index)
	}
	return errors.Join(checkState(keys, s.revision, s.restored), checkState(tree, s.index, s.files))
}
