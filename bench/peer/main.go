// Command peer is the real etcd server, as its own module builds it.
//
// It is a module apart so that petcd itself never depends on etcd's server:
// the program built here only stands beside petcd in tests and benchmarks.
// The module's go.mod pins the release, and etcdctl and etcdutl with it.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
