// Command cluster-dns answers questions for names of a cluster.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/dns/app"
)

func main() {
	os.Exit(cli.Run(app.NewCommand()))
}
