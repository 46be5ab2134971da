// Command cri-shim is the process that holds one pod of cri-runtime. Only cri-runtime starts it.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

// The main thread must never be one that enters namespaces: it can't be ended, and it is what /proc shows of the process.
func init() { runtime.LockOSThread() }

func main() {
	l, err := shim.Listener()
	if err == nil {
		err = shim.Serve(l)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
