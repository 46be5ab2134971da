// Package log keeps one member's Raft log on disk.
package log
