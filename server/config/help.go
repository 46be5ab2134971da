package config

import (
	"fmt"
	"strings"
)

// Usage is the short text printed above the help and after a command line that
// does not parse.
func Usage() string {
	return `Usage:

  etcd [flags]
    Start an etcd server.

  etcd --version
    Show the version of etcd.

  etcd -h | --help
    Show the help information about etcd.

  etcd --config-file
    Path to the server configuration file. Note that if a configuration file is provided, other command line flags and environment variables will be ignored.
    Durations in the file are integer nanoseconds (600000000000 for ten minutes), except --heartbeat-interval and --election-timeout, which are milliseconds as on the command line.

  etcd gateway
    Run the TCP proxy of a cluster; see etcd gateway --help.

  etcd grpc-proxy
    Run the gRPC proxy of a cluster; see etcd grpc-proxy --help.
`
}

// sentence is what --help says of a setting.
func (st setting) sentence() string {
	switch st.fate {
	case moot:
		return st.usage + " No effect: " + st.why + "."
	case refused:
		return st.usage + " Refused: " + st.why + "."
	case former:
		return "Deprecated: use --" + st.now + "."
	case built:
	}
	return st.usage
}

// Help describes every flag, by section, with its default.
func Help() string {
	var b strings.Builder
	for _, sec := range newParser().sections {
		fmt.Fprintf(&b, "\n%s:\n", sec.title)
		for _, st := range sec.settings {
			fmt.Fprintf(&b, "  --%s '%s'\n", st.name, st.initial)
			fmt.Fprintf(&b, "    %s\n", st.sentence())
			if st.name == "feature-gates" {
				fmt.Fprintf(&b, "      %s\n", strings.Join(knownGates(), "\n      "))
			}
		}
	}
	b.WriteString("\nEvery flag can be given as an environment variable: --some-flag is ETCD_SOME_FLAG.\n")
	return b.String()
}
