package shim

import (
	"io"
	"os"
	"sync"
	"time"
)

// patience is how long somebody who is attached may take to read before they are cut off: they must not stop the container.
const patience = 5 * time.Second

// output is a stream of a container: it goes to the log and to all who are attached.
type output struct {
	mu       sync.Mutex
	attached map[*os.File]struct{}
	ended    bool
}

// attach sends what comes from now on to a file, which is closed at the end.
func (o *output) attach(f *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		_ = f.Close()
		return
	}
	if o.attached == nil {
		o.attached = map[*os.File]struct{}{}
	}
	o.attached[f] = struct{}{}
}

// detach stops sending to a file.
func (o *output) detach(f *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.attached[f]; ok {
		delete(o.attached, f)
		_ = f.Close()
	}
}

// Write sends to all who are attached. It never fails.
func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for f := range o.attached {
		_ = f.SetWriteDeadline(time.Now().Add(patience))
		if _, err := f.Write(data); err != nil {
			delete(o.attached, f)
			_ = f.Close()
		}
	}
	return len(data), nil
}

// copy reads the stream until it ends, and tells the log and all who are attached.
func (o *output) copy(name string, from io.Reader, log *logFile) {
	log.follow(name, io.TeeReader(from, o))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	for f := range o.attached {
		_ = f.Close()
	}
	o.attached = nil
}
