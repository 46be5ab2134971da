package rpc

import "sync"

// workers are goroutines that run one call after the other. What is new in a goroutine is its small stack, which every call
// would make grow again; the worker that ended last is taken first, because its stack is still in the processor's caches.
type workers struct {
	mu     sync.Mutex
	idle   []chan *stream
	closed bool
}

// run runs a call.
func (w *workers) run(s *stream) {
	w.mu.Lock()
	n := len(w.idle)
	if n == 0 {
		w.mu.Unlock()
		go w.work(s)
		return
	}
	next := w.idle[n-1]
	w.idle = w.idle[:n-1]
	w.mu.Unlock()
	next <- s // has room: nobody else has it now
}

// work is a worker, from its first call on.
func (w *workers) work(s *stream) {
	next := make(chan *stream, 1)
	for s != nil {
		s.run()
		w.mu.Lock()
		if w.closed || len(w.idle) == idleWorkers {
			w.mu.Unlock()
			return
		}
		w.idle = append(w.idle, next)
		w.mu.Unlock()
		s = <-next // nil when it is closed
	}
}

// close ends those who wait for a call, and the others once they are done.
func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, next := range w.idle {
		close(next)
	}
	w.idle = nil
}
