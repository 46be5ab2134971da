package v3

import (
	"github.com/spf13/cobra"
)

func (c *ctl) snapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot <subcommand>",
		Short: "Saves a member's whole state to a file, looks into such files and restores them",
		Example: `  etcdctl --endpoints=10.0.0.1:2379 snapshot save backup.db
  etcdctl snapshot status backup.db -w table
  etcdctl snapshot restore backup.db --data-dir new.etcd`,
	}
	cmd.AddCommand(c.snapshotSaveCommand(), c.snapshotStatusCommand(), c.snapshotRestoreCommand())
	return cmd
}
