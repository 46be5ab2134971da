package server

import (
	"net/http"
	"sync"
)

// requests counts the plain HTTP requests that are being served: http.Server.Close ends their connections, but does not
// wait for the handlers, which use the replica.
type requests struct {
	mu     sync.Mutex
	ended  bool
	served sync.WaitGroup
}

// begin counts a request, unless the member is closing.
func (r *requests) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.served.Add(1)
	}
	return !r.ended
}

// end lets no more requests begin and waits for those that have.
func (r *requests) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.served.Wait()
}

// counted is h with its requests counted.
func (r *requests) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.begin() {
			http.Error(w, "the member is closing", http.StatusServiceUnavailable)
			return
		}
		defer r.served.Done()
		h.ServeHTTP(w, req)
	})
}
