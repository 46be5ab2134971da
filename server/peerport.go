package server

import (
	"maps"
	"net/http"
	"sync/atomic"
)

// peerPort is what the peer sockets serve. Until the member is known to be sound it answers questions for its hash only:
// members that start together wait for each other's.
type peerPort struct{ handler atomic.Pointer[http.Handler] }

// set replaces what is served.
func (p *peerPort) set(h http.Handler) { p.handler.Store(&h) }

// ServeHTTP passes a request on to what is served now.
func (p *peerPort) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*p.handler.Load()).ServeHTTP(w, r)
}

// paths is a handler of nothing but these paths. It must not say of others that there is nothing: who takes this member for
// the leader still, and asks it for a lease, would take that for the lease's end.
func paths(handlers map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the member is starting", http.StatusServiceUnavailable)
	})
	for path, h := range handlers {
		mux.Handle(path, h)
	}
	return mux
}

// merged is the union of maps of handlers that have no path in common.
func merged(all ...map[string]http.Handler) map[string]http.Handler {
	union := map[string]http.Handler{}
	for _, handlers := range all {
		maps.Copy(union, handlers)
	}
	return union
}
