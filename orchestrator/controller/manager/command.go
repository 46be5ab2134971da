package manager

import (
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/orchestrator/process"
)

// NewCommand returns the command line of kube-controller-manager.
func NewCommand() *cobra.Command {
	o := NewOptions()
	return process.NewCommand(&process.Program{
		Options: &o.Options, Logs: o.Logs, Flags: o.Flags(), Validate: o.Validate, Work: o.Run,
		Short: "kube-controller-manager runs the control loops of a cluster.",
		Long: "kube-controller-manager runs the control loops that bring a cluster to what its objects ask for. Of several instances one works\n" +
			"at a time.",
	})
}
