package v3

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) authCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth <enable or disable>",
		Short: "Turns authentication on and off",
	}
	cmd.AddCommand(
		c.authAction("enable", "Turns authentication on", func(ctx context.Context, cli *clientv3.Client) error {
			if err := enableAuth(ctx, cli); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.Stdout, "Authentication Enabled")
			return err
		}),
		c.authAction("disable", "Turns authentication off", func(ctx context.Context, cli *clientv3.Client) error {
			if _, err := cli.AuthDisable(ctx); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.Stdout, "Authentication Disabled")
			return err
		}),
		c.authAction("status", "Shows whether authentication is on", func(ctx context.Context, cli *clientv3.Client) error {
			resp, err := cli.AuthStatus(ctx)
			if err != nil {
				return err
			}
			return c.show.Print(resp)
		}),
	)
	return cmd
}

func (c *ctl) authAction(name, short string, act func(ctx context.Context, cli *clientv3.Client) error) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 {
				return badArgs("auth %s command does not accept any arguments", name)
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := c.commandContext()
			defer cancel()
			return act(ctx, cli)
		}),
	}
}

// enableAuth turns authentication on. A cluster with a root user but without
// the role of that name gets the role first.
func enableAuth(ctx context.Context, cli *clientv3.Client) error {
	_, err := cli.AuthEnable(ctx)
	if !errors.Is(err, rpctypes.ErrRootRoleNotExist) {
		return err
	}
	if _, err := cli.RoleAdd(ctx, "root"); err != nil {
		return err
	}
	if _, err := cli.UserGrantRole(ctx, "root", "root"); err != nil {
		return err
	}
	_, err = cli.AuthEnable(ctx)
	return err
}
