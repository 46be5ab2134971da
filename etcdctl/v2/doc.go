// Package v2 is etcdctl with API 2: a command line over the HTTP API of etcd 2,
// with the commands, flags, variables, output and exit codes of etcdctl 3.4's
// ETCDCTL_API=2.
//
// It reaches the store over the wire only, through go.etcd.io/etcd/client/v2.
// The one exception is backup, which copies a data directory and has no server
// to ask. It keeps no state between runs and reads nothing but its arguments,
// its environment, standard input and the files that a flag names.
//
// Read [Run] first, then root.go for the list of commands. A command is a
// method that returns a cli.Command and has a file of its own. The parser is
// the one that etcdctl 3.4 has, because scripts rely on its ways: one dash is as
// good as two, and a wrong call shows the command's help. What it does not do
// reliably, arguments.go does before: flags may stand anywhere.
//
// Invariants:
//
//	C1  No command exits the process. It returns an error, which carries the
//	    exit code (exit.go), and Run alone turns it into one.
//	C2  Arguments are checked before a connection is made, so a wrong call
//	    fails at once and without a server.
//	C3  Results go to standard output, everything else to standard error. Help
//	    that a wrong call shows is a result: etcdctl has it so.
//	C4  The global flags and their variables are read in one place (global.go),
//	    before the command runs.
//
// # Where it differs from etcdctl 3.4.23
//
//   - C2: etcdctl connects first, so a wrong call without a server fails with
//     the connection's error and exit code.
//   - An endpoint without a scheme (host:port) is taken to be http. etcdctl
//     refuses it, or fails to connect to it. One without scheme and port is
//     refused; http://host is port 80, as in any URL.
//   - A server that answers as if it had no API 2 is pointed out after the error,
//     variables that API 3 alone reads and commands that became etcdutl's too
//     (package main).
//   - `set key --ttl 5 value` and `watch -f key -r` mean what they seem to. An
//     unknown flag after the arguments is refused; Debian's build of etcdctl
//     ignores it, and upstream's takes value and key for each other.
//   - `exec-watch key -- command` watches the key. Debian's build takes the last
//     word for the key.
//   - A check of cluster-health that gets no answer ends after ten seconds.
//   - A call that API 3 alone knows is refused with the way to switch, in place
//     of the list of flags; see package main.
//
// # Concurrency
//
// Run may be called many times but not at once: --debug, the printer of the
// version and the signals that watch waits for belong to the process.
package v2
