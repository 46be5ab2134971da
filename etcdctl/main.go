package main

import (
	"os"

	v3 "github.com/petcd/petcd/etcdctl/v3"
)

func main() {
	os.Exit(run(v3.Process{
		Args:    os.Args[1:],
		Environ: os.Environ(),
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	}))
}
