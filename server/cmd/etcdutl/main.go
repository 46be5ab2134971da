// Command etcdutl looks at, restores and converts snapshots, and works on data directories that no server has open. Package
// server/etcdutl is what it does.
package main

import (
	"os"

	"github.com/petcd/petcd/server/etcdutl"
)

func main() {
	os.Exit(etcdutl.Run(etcdutl.Process{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr}))
}
