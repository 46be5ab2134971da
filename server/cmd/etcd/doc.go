// Command etcd runs one member of a petcd cluster. It takes etcd's flags,
// environment and configuration file, writes etcd's log lines, and ends with
// etcd's exit codes:
//
//	0    --help, --version, or a signal when running as process 1
//	1    a bad configuration, a failed start, or a member that cannot go on
//	2    a command line that does not parse
//	143  SIGTERM, 130 SIGINT (the signal's own way to end a process)
//
// main only turns the process' surroundings into values; run does the rest.
package main
