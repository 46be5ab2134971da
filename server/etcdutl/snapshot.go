package etcdutl

import (
	"github.com/spf13/cobra"
)

// snapshotCommand groups what is done with snapshots.
func (u *utl) snapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot <subcommand>",
		Short: "Looks at, restores and converts saved snapshots",
		Example: `  etcdutl snapshot status backup.db -w table
  etcdutl snapshot restore backup.db --data-dir new.etcd
  etcdutl snapshot convert backup.db for-etcd.db`,
	}
	cmd.AddCommand(u.snapshotStatusCommand(), u.snapshotRestoreCommand(), u.snapshotConvertCommand())
	return cmd
}
