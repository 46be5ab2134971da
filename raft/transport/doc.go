// Package transport carries Raft messages and snapshots between members over HTTP.
package transport
