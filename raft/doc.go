// Package raft runs one member's part in consensus.
package raft
