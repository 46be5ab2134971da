package v3

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) compactionCommand() *cobra.Command {
	var physical bool
	cmd := &cobra.Command{
		Use:   "compaction [options] <revision>",
		Short: "Discards the history of all keys before a revision",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("compaction command needs 1 argument")
			}
			rev, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return err
			}
			var opts []clientv3.CompactOption
			if physical {
				opts = append(opts, clientv3.WithCompactPhysical())
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := c.commandContext()
			defer cancel()
			if _, err := cli.Compact(ctx, rev, opts...); err != nil {
				return err
			}
			fmt.Fprintln(c.Stdout, "compacted revision", rev)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&physical, "physical", false, "wait until the history is gone from the disk too")
	return cmd
}
