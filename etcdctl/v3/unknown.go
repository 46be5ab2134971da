package v3

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// unknownCommand refuses a first word that is no command. One that API 2 knows
// was probably meant for it.
func (c *ctl) unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	if slices.Contains(api2Commands, args[0]) {
		return fmt.Errorf("%w: it belongs to API 2, and ETCDCTL_API=3 was given; API 2 comes with a later release", err)
	}
	return err
}

// api2Commands are the commands that only API 2 has.
var api2Commands = []string{
	"backup", "cluster-health", "exec-watch", "ls", "mk", "mkdir", "rm", "rmdir",
	"set", "setdir", "update", "updatedir",
}
