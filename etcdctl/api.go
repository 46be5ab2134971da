package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	v3 "github.com/petcd/petcd/etcdctl/v3"
)

// exitUsage is the exit code when the API cannot be used. It is the one a call
// that cannot be understood has under both APIs.
const exitUsage = 1

// run gives the process to the API that ETCDCTL_API names.
func run(p v3.Process) int {
	switch api := p.Getenv("ETCDCTL_API"); api {
	case "3":
		return v3.Run(p)
	case "", "2":
		if len(p.Args) > 0 && (p.Args[0] == "completion" || strings.HasPrefix(p.Args[0], "__complete")) {
			return v3.Run(p) // a shell completes whatever API its commands will use
		}
		return withoutAPI(p, api)
	default:
		fmt.Fprintf(p.Stderr, "Error: ETCDCTL_API=%s: unknown API version; allowed are 2 (the default) and 3\n", api)
		return exitUsage
	}
}

// withoutAPI answers in place of API 2. Asking what etcdctl is works; anything
// that would have to reach a server does not.
func withoutAPI(p v3.Process, api string) int {
	switch {
	case len(p.Args) == 0, p.Args[0] == "help", p.Args[0] == "-h", slices.Contains(p.Args, "--help"):
		help(p.Stdout)
		return 0
	case p.Args[0] == "--version", p.Args[0] == "-v":
		if err := v3.WriteVersion(p.Stdout); err != nil {
			return exitUsage
		}
		fmt.Fprintln(p.Stdout, "To use API 3, set ETCDCTL_API=3.")
		return 0
	}
	named := "ETCDCTL_API is not set, which means API 2"
	if api != "" {
		named = "ETCDCTL_API=" + api
	}
	fmt.Fprintf(p.Stderr, "Error: %s; API 2 comes with a later release. Use API 3: ETCDCTL_API=3 etcdctl %s ...\n", named, p.Args[0])
	return exitUsage
}

func help(w io.Writer) {
	fmt.Fprint(w, `etcdctl drives petcd and etcd from the command line.

The environment variable ETCDCTL_API chooses the API:

  ETCDCTL_API=3   the gRPC API: keys, transactions, watches, leases, members
  ETCDCTL_API=2   the API of etcd 2, also without the variable; it comes with a
                  later release

Switch for one command, or for the whole shell:

  ETCDCTL_API=3 etcdctl put greeting hello
  export ETCDCTL_API=3

ETCDCTL_API=3 etcdctl --help lists the commands.
`)
}
