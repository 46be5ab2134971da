package main

import (
	"fmt"

	"github.com/petcd/petcd/etcdctl/host"
	v2 "github.com/petcd/petcd/etcdctl/v2"
	v3 "github.com/petcd/petcd/etcdctl/v3"
)

// exitUsage is the exit code when the API in force does not know the call. It
// is the one a call that cannot be understood has under both APIs.
const exitUsage = 1

// api is a version of the API that etcdctl can use.
type api struct {
	value string // of ETCDCTL_API
	run   func(host.Process) int
	check func(args []string) error // why it does not know a call
}

var (
	api2 = api{"2", v2.Run, v2.Check}
	api3 = api{"3", v3.Run, v3.Check}
)

// run gives the process to the API that ETCDCTL_API names, unless only the
// other one knows the call.
func run(p host.Process) int {
	inForce, other := api2, api3
	switch value := p.Getenv("ETCDCTL_API"); value {
	case "", "2":
	case "3":
		inForce, other = api3, api2
	default:
		fmt.Fprintf(p.Stderr, "Error: ETCDCTL_API=%s: unknown API version; allowed are 2 (the default) and 3\n", value)
		return exitUsage
	}
	if len(p.Args) > 0 && p.Args[0] == "completion" {
		return v3.Run(p) // the script, which asks etcdctl for what the API in force has
	}
	if err := inForce.check(p.Args); err != nil && other.check(p.Args) == nil {
		fmt.Fprintf(p.Stderr, "Error: %s. %s.\nAPI %s knows this call: set ETCDCTL_API=%s.\n",
			err, inForceBecause(p), other.value, other.value)
		return exitUsage
	}
	if inForce.value == api2.value {
		warnOfVariables(p)
	}
	code := inForce.run(p)
	hintAtEtcdutl(p)
	return code
}

// inForceBecause says which API is in force, and why.
func inForceBecause(p host.Process) string {
	if value := p.Getenv("ETCDCTL_API"); value != "" {
		return "This is API " + value + ", because ETCDCTL_API is " + value
	}
	return "This is API 2, because ETCDCTL_API is not set"
}
