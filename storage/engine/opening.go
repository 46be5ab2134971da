package engine

import (
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// opening tells ErrFatal while an engine is being opened from ErrFatal later: then nobody has the engine yet who could be told,
// and Pebble's call never comes back.
type opening struct {
	mu     sync.Mutex
	opened bool
	failed chan error // 1 deep
}

// newOpening takes o's Fatal over until the engine is open.
func newOpening(o *Options) *opening {
	p, later := &opening{failed: make(chan error, 1)}, o.Fatal
	o.Fatal = func(err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case !p.opened:
			select {
			case p.failed <- err:
			default:
			}
		default:
			later(err)
		}
	}
	return p
}

// open opens a database. After ErrFatal the call that Pebble still is in stays behind, with the folder locked: the process must
// end, as it must when that happens later.
func (p *opening) open(dir string, po *pebble.Options) (*pebble.DB, error) {
	type result struct {
		pdb *pebble.DB
		err error
	}
	done := make(chan result, 1)
	go func() {
		pdb, err := pebble.Open(dir, po)
		done <- result{pdb, err}
	}()
	select {
	case r := <-done:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.opened = true
		select {
		case err := <-p.failed: // a flush of its own failed meanwhile
			return nil, errors.Join(err, r.err)
		default:
			return r.pdb, r.err
		}
	case err := <-p.failed:
		return nil, err
	}
}
