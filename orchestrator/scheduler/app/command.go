package app

import (
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/orchestrator/process"
)

// NewCommand returns the command line of kube-scheduler.
func NewCommand() *cobra.Command {
	o := NewOptions()
	return process.NewCommand(&process.Program{
		Options: &o.Options, Logs: o.Logs, Flags: o.Flags(), Validate: o.Validate, Work: o.Run,
		Short: "Gives pods a node to run on",
		Long: "Watches for pods without a node, filters out the nodes that can't take them, ranks the rest, and binds each pod\n" +
			"to the best. Where there is none it says why, for every node, in an event and a condition of the pod.",
	})
}
