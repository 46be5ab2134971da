package v3

import (
	"context"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) alarmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alarm <subcommand>",
		Short: "Lists and disarms the alarms that limit the cluster",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "Lists the alarms",
			RunE: c.run(func(cmd *cobra.Command, args []string) error {
				if len(args) != 0 {
					return badArgs("alarm list command accepts no arguments")
				}
				return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
					return cli.AlarmList(ctx)
				})
			}),
		},
		&cobra.Command{
			Use:   "disarm",
			Short: "Disarms all alarms",
			RunE: c.run(func(cmd *cobra.Command, args []string) error {
				if len(args) != 0 {
					return badArgs("alarm disarm command accepts no arguments")
				}
				return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
					return cli.AlarmDisarm(ctx, &clientv3.AlarmMember{})
				})
			}),
		},
	)
	return cmd
}
