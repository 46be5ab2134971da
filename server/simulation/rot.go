package simulation

import (
	"maps"
	"path"
	"slices"

	"github.com/petcd/petcd/server/replica"
)

// rot ends a process, turns over a bit of its files, and begins it again. Only a minority is hit, as of more nothing can be had anew, and
// only where nobody replaces members: a cluster of two cannot take one back that lost its log.
func (w *world) rot(f Fault, m *member) {
	if m.replica == nil || !w.mayRot(m) {
		return
	}
	m.stop()
	if m.disk.flip(w.rng.IntN) {
		m.rotten = true
		w.stats.Rotten++
	}
	w.after(f.For, m.start)
}

// mayRot tells whether most members are whole after m was hit.
func (w *world) mayRot(m *member) bool {
	rotten := 0
	for _, o := range w.members {
		if o.rotten || o == m {
			rotten++
		}
	}
	replaces := slices.ContainsFunc(w.plan.Faults, func(f Fault) bool { return f.Kind == Replace })
	return !replaces && rotten <= (w.plan.Shape.Members-1)/2
}

// meetDamage reads the states of all members whose files were damaged, and returns those that turn out to be: they begin again to make
// it anew, at once or after a while if they tried in vain before.
func (w *world) meetDamage() (met []*member) {
	for _, m := range w.members {
		if !m.rotten || m.replica == nil {
			continue
		}
		_, err := m.replica.Store().Hash()
		if err != nil && !replica.IsDamage(err) {
			w.checks.fail("%s: hash: %w", m.name, err)
		}
		if err != nil {
			met = append(met, m)
		}
	}
	return met
}

// flip turns over a bit, of which is left to draw. It reports whether there was any.
func (d *disk) flip(draw func(int) int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string]*inode{}
	d.root.files("", files)
	if len(files) == 0 {
		return false
	}
	n := files[slices.Sorted(maps.Keys(files))[draw(len(files))]]
	at, bit := draw(len(n.data)), byte(1)<<draw(8)
	n.data[at] ^= bit
	if at < len(n.synced) {
		n.synced[at] ^= bit
	}
	return true
}

// files adds what is not empty below a folder.
func (n *inode) files(name string, to map[string]*inode) {
	if !n.folder {
		if len(n.data) > 0 {
			to[name] = n
		}
		return
	}
	for base, child := range n.children {
		child.files(path.Join(name, base), to)
	}
}
