// Command kube-scheduler gives pods a node to run on. See package scheduler for how it decides, and --help for its flags.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/scheduler/app"
)

func main() {
	os.Exit(cli.Run(app.NewCommand()))
}
