package etcdutl

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
)

// snapshotConvertCommand is the way back to etcd. etcd's own etcdutl has nothing like it.
func (u *utl) snapshotConvertCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "convert <filename> <filename for etcd>",
		Short: "Turns a snapshot of petcd into one that etcd's tools restore",
		Long: `Turns a snapshot of petcd into one that "snapshot restore" of etcd 3.4 to 3.7 takes: keys with
their history, leases, users and roles, alarms. "etcdctl snapshot save --format=etcd" does it at
once when it saves. The keys of API 2 are left out. The second file must not exist.`,
		RunE: u.run(func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return badArgs("snapshot convert requires exactly two arguments")
			}
			if _, err := os.Lstat(args[1]); err == nil {
				return fmt.Errorf("%s exists", args[1])
			}
			left, err := backup.Convert(args[0], args[1], backup.NewMeter(u.Stderr, "converting"))
			if err != nil {
				return err
			}
			left.Warn(u.Stderr)
			_, err = fmt.Fprintf(u.Stdout, "Snapshot for etcd written to %s\n", args[1])
			return err
		}),
	}
}
