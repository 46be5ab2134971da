// Package httpapi serves what a member answers over plain HTTP on its client
// and metrics ports: /health, /livez, /readyz, /version, /metrics, /debug/vars,
// the JSON gateway to the gRPC services below /v3/ and, if asked for,
// /debug/pprof. API 2 is package v2http's, behind the access control here. The
// peer port is package replica's.
//
// Bodies, headers and status codes are etcd's: probes, scrapers and clients
// match on them. It holds no state but counters, and knows nothing of what the
// gateway's requests mean: they go to the member's own gRPC services.
//
// Read first: [Handlers.Client], then gateway.go, access.go, health.go.
//
// Invariants:
//
//	I1. No health check waits longer than the member's request timeout.
//	I2. A check that only reads locally never asks other members.
//	I3. On the client port nothing is answered before the access control let
//	    the request pass.
//	I4. The gateway's connection carries no certificate, and of a request's
//	    headers only what etcd's forwards: who calls is told by the token alone.
//	I5. One JSON value, in a body or a websocket's message, is read only as far
//	    as the largest request could need.
//
// Concurrency: handlers are safe from any goroutine.
package httpapi
