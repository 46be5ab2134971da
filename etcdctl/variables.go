package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/petcd/petcd/etcdctl/host"
)

// variablesOfAPI3 are those that say how to connect or how to print, and that
// API 2 does not read.
var variablesOfAPI3 = []string{
	"ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY", "ETCDCTL_INSECURE_TRANSPORT", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY",
	"ETCDCTL_USER", "ETCDCTL_PASSWORD", "ETCDCTL_AUTH_JWT_TOKEN",
	"ETCDCTL_DIAL_TIMEOUT", "ETCDCTL_COMMAND_TIMEOUT", "ETCDCTL_WRITE_OUT", "ETCDCTL_HEX",
}

// warnOfVariables names the variables of API 3 that are set and have no effect,
// as API 2 is in force. Without a word the user would seem to be authenticated,
// or the server verified.
func warnOfVariables(p host.Process) {
	var set []string
	for _, name := range variablesOfAPI3 {
		if p.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 || slices.ContainsFunc(p.Args, isCompletion) {
		return
	}
	fmt.Fprintf(p.Stderr, "Warning: API 2 does not read %s; set ETCDCTL_API=3 for API 3.\n", strings.Join(set, ", "))
}

// isCompletion tells whether a word is the verb of a shell that completes a call.
func isCompletion(word string) bool { return strings.HasPrefix(word, "__complete") }
