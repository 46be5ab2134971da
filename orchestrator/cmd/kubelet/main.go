// Command kubelet runs a node's pods. See package kubelet, and --help for its flags.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/kubelet"
)

func main() {
	os.Exit(cli.Run(kubelet.NewCommand()))
}
