// Package v3 is etcdctl with ETCDCTL_API=3: a command line over the gRPC API,
// with the commands, flags, output and exit codes of etcd's own etcdctl.
//
// It reaches the store over the wire only, through go.etcd.io/etcd/client/v3,
// so it works against petcd and etcd alike. The one exception is work on saved
// snapshots, for which it has no server: their status, their restoration and
// what makes them etcd's are package server/backup's, which etcdutl uses too.
// It keeps no state between runs and
// reads nothing but its arguments, its environment, standard input and the
// files a flag names.
//
// Read [Run] first, then root.go for the tree of commands. Every command group
// has its file: get.go, put.go, lease.go, member.go and so on. A command is a
// function that returns a *cobra.Command; its flags live in a struct of its
// own, so one process can run many commands.
//
// Invariants:
//
//	C1  No command exits the process. It returns an error, which carries the
//	    exit code (exit.go), and Run alone turns it into one.
//	C2  Arguments are checked before a connection is made, so a wrong call
//	    fails at once and without a server.
//	C3  Results go to standard output, everything else to standard error.
//	C4  What is written for a person at a terminal (progress, prompts) is not
//	    written when the stream is not a terminal.
//
// # Where it differs from etcdctl 3.7.3
//
// Help texts and the words after "malformed comparison:" are its own. Where
// etcdctl crashes, or does what nobody can want, it does not follow:
//
//   - A txn's condition on a lease, or with an unknown operator, is read or
//     refused; etcdctl panics.
//   - `watch a -- echo echo` watches the key a; etcdctl takes the first echo
//     for the end of a range.
//   - `make-mirror --rev` without --dest-prefix keeps the prefix; etcdctl drops
//     it when, and only when, --rev is given.
//   - `-w protobuf` of a lease is the whole message, not its header alone.
//   - ETCDCTL_COMMAND_TIMEOUT counts for every command; with etcdctl it comes
//     too late for most. A variable with a value that cannot be is warned about.
//   - A flag beside its variable is an error only where they differ.
//   - `snapshot status` and `snapshot restore` are there, as in etcdctl 3.4, and
//     are etcdutl's. `snapshot save --format=etcd` writes what etcd restores.
//
// # Concurrency
//
// Run may be called many times but not at once: --debug and the signals that
// lock and elect wait for belong to the process.
package v3
