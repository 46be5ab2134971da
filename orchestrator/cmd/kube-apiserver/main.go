// Command kube-apiserver is the front of the cluster.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/apiserver"
)

func main() {
	os.Exit(cli.Run(apiserver.NewCommand()))
}
