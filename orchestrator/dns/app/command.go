package app

import (
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/orchestrator/process"
)

// NewCommand returns the command line of cluster-dns.
func NewCommand() *cobra.Command {
	o := NewOptions()
	return process.NewCommand(&process.Program{
		Options: &o.Options, Logs: o.Logs, Flags: o.Flags(), Validate: o.Validate, Work: o.Run,
		Short: "cluster-dns answers questions for names of a cluster.",
		Long: "cluster-dns is the DNS server of a cluster: it knows Services and the endpoints behind them by name, and asks\n" +
			"other servers for all other names.",
	})
}
