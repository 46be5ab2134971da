package etcdutl

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
)

// snapshotStatusCommand verifies a snapshot and shows what is in it.
func (u *utl) snapshotStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status <filename>",
		Short: "Verifies a snapshot, of petcd or of etcd, and shows what it holds",
		Long: `Verifies a snapshot, of petcd or of etcd, and shows its hash, the newest revision, the
number of keys, its size and, of etcd since 3.6, the version.`,
		RunE: u.run(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot status requires exactly one argument")
			}
			if _, err := os.Stat(args[0]); err != nil {
				return err
			}
			show, err := u.printer()
			if err != nil {
				return err
			}
			status, err := backup.ReadStatus(args[0], backup.NewMeter(u.Stderr, "reading"))
			if err != nil {
				return err
			}
			return show(statusReply(status))
		}),
	}
}
