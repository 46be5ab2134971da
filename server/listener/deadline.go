package listener

import (
	"errors"
	"os"
	"sync"
	"time"
)

// deadline is that of reads or of writes on a connection. Arming it costs a lock of the poller and a timer, and HTTP moves it
// several times a request, nearly always to later. So it is armed only to come sooner; a call that it ends too soon is made
// again.
type deadline struct {
	arm func(time.Time) error // the connection's

	mu            sync.Mutex
	wanted, armed time.Time // zero: none
}

// set moves the deadline.
func (d *deadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if t.IsZero() || !d.armed.IsZero() && !t.Before(d.armed) {
		return nil
	}
	d.armed = t
	return d.arm(t)
}

// premature tells that what ended a call is a deadline that has moved since. It is armed anew then.
func (d *deadline) premature(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return false
	}
	d.armed = d.wanted
	return d.arm(d.wanted) == nil
}
