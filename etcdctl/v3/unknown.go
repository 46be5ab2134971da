package v3

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// api2Commands are the commands that only API 2 has.
var api2Commands = []string{
	"backup", "cluster-health", "exec-watch", "ls", "mk", "mkdir", "rm", "rmdir",
	"set", "setdir", "update", "updatedir",
}

// explainUnknown tells whether err is about an unknown command and, if API 2
// has that command, says so. cobra shows only by the error's text what it is
// about.
func explainUnknown(w io.Writer, err error) bool {
	name, unknown := strings.CutPrefix(err.Error(), `unknown command "`)
	if !unknown {
		return false
	}
	name, _, _ = strings.Cut(name, `"`)
	if slices.Contains(api2Commands, name) {
		fmt.Fprintf(w, "%q is a command of API 2, but ETCDCTL_API=3 is set. API 2 comes with a later release.\n", name)
	}
	return true
}
