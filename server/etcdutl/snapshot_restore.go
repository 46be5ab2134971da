package etcdutl

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
)

// snapshotRestoreCommand makes a data directory of a snapshot.
func (u *utl) snapshotRestoreCommand() *cobra.Command {
	var flags backup.RestoreFlags
	cmd := &cobra.Command{
		Use:   "restore <filename> --data-dir {output dir} [options]",
		Short: "Makes a member's data directory of a snapshot, of petcd or of etcd",
		Long: `Makes a member's data directory of a snapshot: of petcd, or of etcd 3.4 to 3.7. Every member of
the new cluster is restored from the same file, each with its own --name and
--initial-advertise-peer-urls, and then started as usual.

The revision is raised by a billion and all before it compacted, so that clients that have seen
more of the old cluster than was saved notice and begin anew. --bump-revision=0 leaves the
revision as it is.`,
		RunE: u.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot restore requires exactly one argument")
			}
			err := backup.Restore(cmd.Context(), flags.Config(args[0], u.log, backup.NewMeter(u.Stderr, "restoring")))
			if errors.Is(err, backup.ErrBump) {
				return &exit{exitBadArgs, err}
			}
			return err
		}),
	}
	flags.Register(cmd.Flags())
	return cmd
}
