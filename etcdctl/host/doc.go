// Package host is what the operating system gives one run of etcdctl: its
// arguments, environment, standard streams and terminal. Both API versions,
// packages v2 and v3, get it as a [Process], so a test runs a whole command
// within its own process.
//
// Nothing in it is global, and nothing changes after it was made. A Process
// may be used by several goroutines as far as its streams may.
package host
