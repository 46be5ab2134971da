package v3

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) defragCommand() *cobra.Command {
	var cluster bool
	cmd := &cobra.Command{
		Use:   "defrag",
		Short: "Makes each endpoint's member give unused space back",
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			failed, err := c.forEndpoints(cmd, &cluster, func(cli *clientv3.Client, endpoint string) error {
				ctx, cancel := c.commandContext()
				defer cancel()
				start := time.Now()
				_, err := cli.Defragment(ctx, endpoint)
				took := time.Since(start)
				if err != nil {
					fmt.Fprintf(c.Stderr, "Failed to defragment etcd member[%s]. took %s. (%v)\n", endpoint, took, err)
					return err
				}
				fmt.Fprintf(c.Stdout, "Finished defragmenting etcd member[%s]. took %s\n", endpoint, took)
				return nil
			})
			if err == nil && failed != nil {
				err = &exit{exitError, nil}
			}
			return err
		}),
	}
	cmd.PersistentFlags().BoolVar(&cluster, "cluster", false, "all endpoints of the member list")
	return cmd
}
