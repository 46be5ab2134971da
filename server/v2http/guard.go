package v2http

import "net/http"

// Guard decides what a request may do, by who sent it.
type Guard interface {
	// Allows tells whether the sender may read a key, or write it; recursive asks for all below it as well. The path is the
	// client's, without the namespace.
	Allows(r *http.Request, path string, recursive, write bool) bool
	// AllowsRoot tells whether the sender may do what only root may: change members and users.
	AllowsRoot(r *http.Request) bool
}

// reads tells whether a request only reads, by its method.
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
