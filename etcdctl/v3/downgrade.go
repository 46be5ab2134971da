package v3

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) downgradeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "downgrade <TARGET_VERSION>",
		Short: "Prepares the cluster for an older version",
	}
	cmd.AddCommand(
		c.downgradeTo("validate", "Tells whether the cluster could be downgraded", clientv3.DowngradeValidate),
		c.downgradeTo("enable", "Begins a downgrade", clientv3.DowngradeEnable),
		&cobra.Command{
			Use:   "cancel",
			Short: "Ends a downgrade that has begun",
			RunE: c.run(func(cmd *cobra.Command, _ []string) error {
				return c.downgrade(cmd, "cancel", clientv3.DowngradeCancel, "")
			}),
		},
	)
	return cmd
}

func (c *ctl) downgradeTo(name, short string, action clientv3.DowngradeAction) *cobra.Command {
	return &cobra.Command{
		Use:   name + " <TARGET_VERSION>",
		Short: short,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < 1:
				return &exit{exitBadArgs, errors.New("TARGET_VERSION not provided")}
			case len(args) > 1:
				return badArgs("too many arguments")
			case args[0] == "":
				return badArgs("target version not provided")
			}
			return c.downgrade(cmd, name, action, args[0])
		}),
	}
}

func (c *ctl) downgrade(cmd *cobra.Command, name string, action clientv3.DowngradeAction, version string) error {
	return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
		resp, err := cli.Downgrade(ctx, action, version)
		if err != nil {
			return nil, err
		}
		text := fmt.Sprintf("Downgrade %s success, cluster version %s", name, resp.Version)
		return printer.Done{Text: text, Response: resp}, nil
	})
}
