package etcdutl

import (
	"fmt"

	"github.com/spf13/cobra"
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

// checkV2StoreCommand answers what etcd's of 3.5 answers before an upgrade to 3.6. petcd's data directory holds no v2 store,
// so that it is petcd's is all there is to find out.
func (u *utl) checkV2StoreCommand() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "v2store",
		Short: "Says whether a data directory holds v2 data",
		Long: `Says whether a data directory that no server has open holds data of the v2 store. petcd's
never does. For one of etcd use the etcdutl of etcd 3.5.`,
		RunE: u.run(func(*cobra.Command, []string) error {
			return u.offline(dataDir, func(*offline) error {
				_, err := fmt.Fprintln(u.Stdout, "No custom content found in v2store.")
				return err
			})
		}),
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory that no server has open (required)")
	markRequired(cmd, "data-dir")
	return cmd
}
