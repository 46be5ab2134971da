// Command kubeadm sets up the nodes of a cluster. See package kubeadm.
package main

import (
	"os"

	"github.com/petcd/petcd/orchestrator/kubeadm"
	"github.com/petcd/petcd/orchestrator/kubeadm/up"
)

func main() {
	ctx, stop := kubeadm.Context()
	defer stop()
	if err := kubeadm.NewCommand(up.Commands()...).ExecuteContext(ctx); err != nil {
		stop()
		os.Exit(1)
	}
}
