package etcdutl

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/storage/v2store"
)

// checkCommand groups checks of data directories.
func (u *utl) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check <subcommand>",
		Short: "Checks data directories",
	}
	cmd.AddCommand(u.checkV2StoreCommand())
	return cmd
}

// checkV2StoreCommand answers what etcd's of 3.5 answers before an upgrade to 3.6, which has no API 2.
func (u *utl) checkV2StoreCommand() *cobra.Command {
	var dataDir, walDir string
	cmd := &cobra.Command{
		Use:   "v2store",
		Short: "Says whether a data directory holds keys of API 2",
		Long: `Says whether a data directory holds keys of API 2, or users and roles of it: petcd's, also in use, or
that of an etcd 3.4 or 3.5 that does not run.`,
		RunE: u.run(func(*cobra.Command, []string) error {
			files, dirs := 0, 0
			_, err := backup.WalkTree(dataDir, walDir, func(path string, n v2store.Stored) error {
				if n.Dir {
					dirs++
				} else {
					files++
				}
				return nil
			})
			if err != nil {
				return err
			}
			if files+dirs > 0 {
				return fmt.Errorf("detected custom content in v2store: %d keys and %d directories", files, dirs)
			}
			_, err = fmt.Fprintln(u.Stdout, "No custom content found in v2store.")
			return err
		}),
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory (required)")
	cmd.Flags().StringVar(&walDir, "wal-dir", "", "the member's --wal-dir, if it had one")
	markRequired(cmd, "data-dir")
	return cmd
}
