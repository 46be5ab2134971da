package v3

import (
	"fmt"
	"io"
	"strings"
)

// api2Commands are the commands that only API 2 has.
var api2Commands = []string{
	"backup", "cluster-health", "exec-watch", "ls", "mk", "mkdir", "rm", "rmdir",
	"set", "setdir", "update", "updatedir",
}

// explainUnknown says why a command of API 2 is unknown here. cobra tells only
// by the error's text which command it did not find.
func explainUnknown(w io.Writer, err error) {
	for _, name := range api2Commands {
		if strings.HasPrefix(err.Error(), fmt.Sprintf("unknown command %q for \"etcdctl\"", name)) {
			fmt.Fprintf(w, "%q is a command of API 2, but ETCDCTL_API=3 is set. API 2 comes with a later release.\n", name)
			return
		}
	}
}
