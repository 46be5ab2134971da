// Command kube-proxy carries the traffic of Services on a node. See package proxy for how, and --help for its flags.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/proxy/app"
)

func main() {
	os.Exit(cli.Run(app.NewCommand()))
}
