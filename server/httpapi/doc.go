// Package httpapi serves what a member answers over plain HTTP on its client
// and metrics ports: /health, /livez, /readyz, /version, /metrics, /debug/vars
// and, if asked for, /debug/pprof. The peer port is package replica's.
//
// Bodies, headers and status codes are etcd's: probes and scrapers match on
// them. It holds no state but counters and changes nothing in the member.
//
// Read first: [Client], then health.go and checks.go.
//
// Invariants:
//
//	I1. No request waits longer than the member's request timeout.
//	I2. A check that only reads locally never asks other members.
//
// Concurrency: handlers are safe from any goroutine.
package httpapi
