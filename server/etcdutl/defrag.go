package etcdutl

import (
	"fmt"

	humanize "github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

// defragCommand gives back the space of what was deleted, all of it. A server does so by itself, bit by bit.
func (u *utl) defragCommand() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "defrag",
		Short: "Rewrites the state in a data directory without what was deleted",
		Long: `Rewrites the state in a data directory that no server has open, without what was deleted.
It is seldom of use: a running server does the same in the background.`,
		RunE: u.run(func(cmd *cobra.Command, _ []string) error {
			err := u.offline(dataDir, func(o *offline) error {
				before, _ := o.Store.Size()
				if err := o.Store.Defragment(cmd.Context()); err != nil {
					return err
				}
				after, _ := o.Store.Size()
				u.log.Info("finished defragmenting", "data-dir", dataDir,
					"size-before", humanize.Bytes(uint64(before)), "size-after", humanize.Bytes(uint64(after)))
				return nil
			})
			if err != nil {
				return fmt.Errorf("Failed to defragment etcd data[%s] (%w)", dataDir, err)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory that no server has open (required)")
	markRequired(cmd, "data-dir")
	return cmd
}
