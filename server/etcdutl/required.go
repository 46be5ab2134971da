package etcdutl

import (
	"github.com/spf13/cobra"
)

// markRequired makes flags of a command required. That a flag is not there would be a slip in this package, and shows as soon as
// the command runs.
func markRequired(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			cmd.PreRunE = func(*cobra.Command, []string) error { return err }
		}
	}
}
