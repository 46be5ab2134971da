package v3

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/logging"
)

// snapshotRestoreCommand is etcdutl's, under the name that it had until etcd
// 3.5 and that runbooks know.
func (c *ctl) snapshotRestoreCommand() *cobra.Command {
	var flags backup.RestoreFlags
	cmd := &cobra.Command{
		Use:   "restore <filename> --data-dir {output dir} [options]",
		Short: "Makes a member's data directory of a snapshot, of petcd or of etcd",
		Long: `Makes a member's data directory of a snapshot, as "etcdutl snapshot restore" does. It needs no
server. Every member of the new cluster is restored from the same file, each with its own --name
and --initial-advertise-peer-urls.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot restore requires exactly one argument")
			}
			log, _, err := logging.New(logging.Options{Outputs: []string{"stderr"}, Stderr: c.Stderr})
			if err != nil {
				return err
			}
			err = backup.Restore(cmd.Context(), flags.Config(args[0], log, backup.NewMeter(c.Stderr, "restoring")))
			if errors.Is(err, backup.ErrBump) {
				return &exit{exitBadArgs, err}
			}
			return err
		}),
	}
	flags.Register(cmd.Flags())
	return cmd
}
