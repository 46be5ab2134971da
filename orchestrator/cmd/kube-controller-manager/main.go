// Command kube-controller-manager runs the control loops of a cluster.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/controller/manager"
)

func main() {
	os.Exit(cli.Run(manager.NewCommand()))
}
