package engine

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A flush or an LSM compaction that fails is tried again by Pebble at once,
// for ever: on a full disk it would write, fail and log a thousand times a
// second, and keep a core from those who could make room. So the tables it
// makes wait after a failure, twice as long after each further one, from
// backoffMin to backoffMax.
const (
	backoffMin = 10 * time.Millisecond
	backoffMax = time.Second
)

// backoff counts the failures since background work last succeeded.
type backoff struct{ failures atomic.Uint32 }

// failed notes a failure.
func (b *backoff) failed() { b.failures.Add(1) }

// done notes how background work ended.
func (b *backoff) done(err error) {
	if err == nil {
		b.failures.Store(0)
	}
}

// pause is how long the next table waits.
func (b *backoff) pause() time.Duration {
	n := b.failures.Load()
	if n == 0 {
		return 0
	}
	return min(backoffMax, backoffMin<<min(n-1, 16))
}

// backoffFS makes tables wait. Only background work makes any, and Pebble holds
// no lock then, as it does in the callbacks that tell of a failure.
type backoffFS struct {
	vfs.FS
	backoff *backoff
}

// Create implements vfs.FS.
func (f backoffFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob") {
		time.Sleep(f.backoff.pause())
	}
	return f.FS.Create(name, c)
}

// Unwrap implements vfs.FS.
func (f backoffFS) Unwrap() vfs.FS { return f.FS }
