package v3

import (
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/etcdctl/printer"
	"github.com/petcd/petcd/server/backup"
)

func (c *ctl) snapshotStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status <filename>",
		Short: "Verifies a saved snapshot and shows what it holds",
		Long: `Verifies a saved snapshot, of petcd or of etcd, and shows what it holds: its hash,
the newest revision, the number of keys, its size and, of etcd, the version.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot status requires exactly one argument")
			}
			if _, err := c.clientSpec(cmd); err != nil { // for the printer; nothing is opened
				return err
			}
			status, err := backup.ReadStatus(args[0], backup.NewMeter(c.Stderr, "reading"))
			if err != nil {
				return err
			}
			return c.show.Print(printer.SnapshotStatus(status))
		}),
	}
}
