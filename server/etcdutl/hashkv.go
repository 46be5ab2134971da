package etcdutl

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
)

// hashKVCommand hashes the keys and their history in a file.
func (u *utl) hashKVCommand() *cobra.Command {
	var revision int64
	cmd := &cobra.Command{
		Use:   "hashkv <filename>",
		Short: "Prints the hash of the keys and their history in a snapshot or a data directory",
		Long: `Prints the hash of the keys and their history, equal to what "etcdctl endpoint hashkv" says of a
server with the same: of a snapshot, of petcd or etcd, or of a data directory that no server has
open.`,
		Args: cobra.ExactArgs(1),
		RunE: u.run(func(cmd *cobra.Command, args []string) error {
			show, err := u.printer()
			if err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			var h backup.HashKV
			if info.IsDir() {
				h, err = u.hashDataDir(cmd.Context(), args[0], revision)
			} else {
				h, err = backup.ReadHashKV(cmd.Context(), args[0], revision, backup.NewMeter(u.Stderr, "reading"))
			}
			if err != nil {
				return err
			}
			return show(hashReply(h))
		}),
	}
	cmd.Flags().Int64Var(&revision, "rev", 0, "newest revision to hash (0: the newest there is)")
	return cmd
}

// hashDataDir hashes what a data directory's state holds.
func (u *utl) hashDataDir(ctx context.Context, dir string, revision int64) (h backup.HashKV, err error) {
	err = u.offline(dir, func(o *offline) error {
		hash, _, compact, hashed, err := o.Store.HashKV(ctx, revision)
		h = backup.HashKV{Hash: hash, HashRevision: hashed, CompactRevision: compact}
		return err
	})
	return h, err
}
