package v3

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/v3/snapshot"
)

func (c *ctl) snapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot <subcommand>",
		Short: "Saves a member's whole state to a file, and looks into such files",
		Example: `  etcdctl --endpoints=10.0.0.1:2379 snapshot save backup.db
  etcdctl snapshot status backup.db -w table`,
	}
	cmd.AddCommand(c.snapshotSaveCommand(), c.snapshotStatusCommand())
	return cmd
}

func (c *ctl) snapshotSaveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "save <filename>",
		Short: "Saves the state of the one endpoint given to a file",
		Long: `Saves the state of the one endpoint given to a file. The file appears under its
name only when all of it has arrived and is on the disk.

There is no time limit unless --command-timeout is given.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot save expects one argument <filename>")
			}
			spec, err := c.clientSpec(cmd)
			if err != nil {
				return err
			}
			cfg, err := clientConfig(spec)
			if err != nil {
				return err
			}
			log, err := clientLogger()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			if cmd.Flags().Changed("command-timeout") {
				ctx, cancel = c.commandContext()
			}
			defer cancel()
			version, err := snapshot.SaveWithVersion(ctx, log, *cfg, args[0])
			if err != nil {
				return &exit{exitInterrupted, err}
			}
			fmt.Fprintf(c.Stdout, "Snapshot saved at %s\n", args[0])
			if version != "" { // servers before 3.6 do not tell
				fmt.Fprintf(c.Stdout, "Server version %s\n", version)
			}
			return nil
		}),
	}
}
