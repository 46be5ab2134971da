package storagetest

import (
	"math/rand/v2"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Crash is what a crash at one moment would have left.
type Crash struct {
	FS      *vfs.MemFS
	Op      errorfs.OpKind // the operation that was about to happen
	Path    string
	Promise uint64 // what CrashFS.Promise returned just before
}

// CrashFS is a file system in memory that takes images of what a crash would
// leave, in the middle of what its user does: before random operations that
// change files, with a random part of what was not synced.
type CrashFS struct {
	vfs.FS

	mem *vfs.MemFS

	mu      sync.Mutex
	rng     *rand.Rand
	every   int
	left    int
	promise func() uint64
	crashes []Crash
}

// NewCrashFS returns an empty file system that takes at most max images,
// before one operation in every on average.
func NewCrashFS(rng *rand.Rand, every, max int) *CrashFS {
	c := &CrashFS{mem: vfs.NewCrashableMem(), rng: rng, every: every, left: max}
	c.FS = errorfs.Wrap(c.mem, errorfs.InjectorFunc(c.before))
	return c
}

// SetPromise sets what is asked, right before each image, for what the user
// of the file system counts on to survive.
func (c *CrashFS) SetPromise(promise func() uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.promise = promise
}

// CrashNow takes an image between two operations.
func (c *CrashFS) CrashNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(errorfs.Op{Kind: -1})
}

// Crashes returns the images taken.
func (c *CrashFS) Crashes() []Crash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crashes
}

// before is called before each operation on files and folders.
func (c *CrashFS) before(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename,
		errorfs.OpReuseForWrite, errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt,
		errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileClose:
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left > 0 && c.rng.IntN(c.every) == 0 {
		c.left--
		c.take(op)
	}
	return nil
}

// take makes an image. REQUIRES: mu held.
func (c *CrashFS) take(op errorfs.Op) {
	var promise uint64
	if c.promise != nil {
		promise = c.promise()
	}
	percent := [...]int{0, 0, 25, 50, 75, 100}[c.rng.IntN(6)]
	fs := c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng})
	c.crashes = append(c.crashes, Crash{FS: fs, Op: op.Kind, Path: op.Path, Promise: promise})
}
