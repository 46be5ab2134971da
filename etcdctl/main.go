package main

import (
	"os"

	"github.com/petcd/petcd/etcdctl/host"
)

func main() {
	os.Exit(run(host.Process{
		Args:    os.Args[1:],
		Environ: os.Environ(),
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	}))
}
