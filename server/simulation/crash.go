package simulation

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// diskOp is what happens to a disk.
type diskOp uint8

const (
	opWrite diskOp = iota
	opSync
	opName
)

// diskFaults are what a disk does wrong.
type diskFaults struct {
	lies bool // Sync does nothing: a planted fault

	mu        sync.Mutex
	rng       *rand.Rand
	crashIn   int    // operations until an image of a crash is taken; 0: never
	image     *disk  // that image
	crashed   func() // told of it
	full      bool   // writes to the log find no room
	failSyncs int    // so many of the log's next syncs fail
}

// before is called before each operation that changes what a crash would leave. (Names that are removed come back after a crash
// until their folder is synced, so removing one changes nothing.)
func (d *disk) before(op diskOp, name string) error {
	f := &d.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashIn > 0 {
		if f.crashIn--; f.crashIn == 0 {
			f.image = d.afterCrash(f.rng)
			f.crashed()
		}
	}
	if !strings.Contains(name, "/log/") {
		return nil
	}
	switch {
	case op == opSync && f.failSyncs > 0:
		f.failSyncs--
		return fmt.Errorf("sync %s: %w", name, errors.Join(errInjected, syscall.EIO))
	case op == opWrite && f.full:
		return fmt.Errorf("write %s: %w", name, errors.Join(errInjected, syscall.ENOSPC))
	}
	return nil
}

// afterCrash is what the disk would hold after a crash now: all that was synced, and of the rest nothing, or any part.
func (d *disk) afterCrash(rng *rand.Rand) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := crash{rng: rng, percent: [...]int{0, 20, 50, 80, 100}[rng.IntN(5)], done: map[*inode]*inode{}}
	after := newDisk(rand.New(rand.NewPCG(rng.Uint64(), 1)))
	after.faults.lies = d.faults.lies
	after.root = c.node(d.root)
	return after
}

// crash makes an image.
type crash struct {
	rng     *rand.Rand
	percent int // of what was not synced that is there
	done    map[*inode]*inode
}

func (c *crash) keeps() bool { return c.percent > 0 && c.rng.IntN(100) < c.percent }

func (c *crash) node(n *inode) *inode {
	if after := c.done[n]; after != nil {
		return after
	}
	after := &inode{folder: n.folder}
	c.done[n] = after
	if n.folder {
		after.children = c.names(n)
		for _, name := range slices.Sorted(maps.Keys(after.children)) {
			after.children[name] = c.node(after.children[name])
		}
		after.syncedChildren = maps.Clone(after.children)
		return after
	}
	after.data = slices.Clone(n.synced)
	for at := n.dirty.from / sectorBytes * sectorBytes; at < n.dirty.to; at += sectorBytes {
		if !c.keeps() {
			continue
		}
		sector := n.data[at:min(at+sectorBytes, len(n.data))]
		if grow := at + len(sector) - len(after.data); grow > 0 {
			after.data = append(after.data, make([]byte, grow)...)
		}
		copy(after.data[at:], sector)
	}
	after.synced = slices.Clone(after.data)
	return after
}

// names are those that a folder has: the synced ones, and some of those that are new or name something else now.
func (c *crash) names(n *inode) map[string]*inode {
	after := maps.Clone(n.syncedChildren)
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if child := n.children[name]; after[name] != child && c.keeps() {
			after[name] = child
		}
	}
	return after
}
