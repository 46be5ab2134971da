package rpc

import (
	"slices"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// pseudo are the fields in which a request says what it is. It must have all but the last.
var pseudo = [...]string{":method", ":scheme", ":path", ":authority"}

// wellFormed tells whether fields can be a request's by RFC 9113, 8.2 and 8.3.
func wellFormed(fields []hpack.HeaderField) bool {
	var seen [len(pseudo)]bool
	for i, f := range fields {
		if !f.IsPseudo() {
			return seen[0] && seen[1] && seen[2] && wellFormedTrailers(fields[i:])
		}
		n := slices.Index(pseudo[:], f.Name)
		if n < 0 || seen[n] || f.Value == "" || !httpguts.ValidHeaderFieldValue(f.Value) {
			return false
		}
		seen[n] = true
	}
	return seen[0] && seen[1] && seen[2]
}

// wellFormedTrailers tells whether fields can come after a request, or after those in which it says what it is.
func wellFormedTrailers(fields []hpack.HeaderField) bool {
	for _, f := range fields {
		if f.IsPseudo() || !validName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) || forbidden(f) {
			return false
		}
	}
	return true
}

// validName tells whether a field may be called so.
func validName(name string) bool {
	for i := range len(name) {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return false
		}
	}
	return httpguts.ValidHeaderFieldName(name)
}

// forbidden tells whether a field belongs to HTTP/1's connections (RFC 9113, 8.2.2).
func forbidden(f hpack.HeaderField) bool {
	switch f.Name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	case "te":
		return f.Value != "trailers"
	}
	return false
}
