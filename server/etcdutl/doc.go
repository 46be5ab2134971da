// Package etcdutl is the command line for files: snapshots, and data directories that no server has open. Commands, flags,
// outputs and exit codes are those of etcd's own etcdutl 3.7.3, except where its subject is bbolt's file.
//
// Read [Run] first, then root.go for the tree of commands. A command has its file. What it does to files is package backup's
// and the server's own packages'.
//
// It refuses to open a directory that a server has locked, but to copy the v2 tree out of it, and to talk to a server, but for
// `v2`, which moves keys of API 2 between clusters.
//
// Invariants:
//
//	I1. No command exits the process. It returns an error that carries the exit code, and Run alone turns it into one.
//	I2. Results go to standard output, everything else to standard error; what is drawn for somebody at a terminal goes to
//	    terminals only.
//
// Concurrency: none; a process runs one command.
package etcdutl
