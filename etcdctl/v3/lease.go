package v3

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) leaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lease <subcommand>",
		Short: "Grants, shows, renews and revokes leases",
	}
	cmd.AddCommand(
		c.leaseGrantCommand(), c.leaseRevokeCommand(), c.leaseTimeToLiveCommand(),
		c.leaseListCommand(), c.leaseKeepAliveCommand(),
	)
	return cmd
}

func (c *ctl) leaseGrantCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "grant <ttl>",
		Short: "Creates a lease of so many seconds",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("lease grant command needs TTL argument")
			}
			ttl, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return badArgs("bad TTL (%w)", err)
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.Grant(ctx, ttl)
				if err != nil {
					return nil, fmt.Errorf("failed to grant lease (%w)", err)
				}
				return resp, nil
			})
		}),
	}
}

func (c *ctl) leaseRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke <leaseID>",
		Short: "Ends a lease and deletes the keys attached to it",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("lease revoke command needs 1 argument")
			}
			id, err := parseLeaseID(args[0])
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.Revoke(ctx, id)
				if err != nil {
					return nil, fmt.Errorf("failed to revoke lease (%w)", err)
				}
				return printer.Done{Text: fmt.Sprintf("lease %016x revoked", id), Response: resp}, nil
			})
		}),
	}
}

func (c *ctl) leaseTimeToLiveCommand() *cobra.Command {
	var withKeys bool
	cmd := &cobra.Command{
		Use:   "timetolive <leaseID> [options]",
		Short: "Shows how long a lease will live and what is attached to it",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("lease timetolive command needs lease ID as argument")
			}
			id, err := parseLeaseID(args[0])
			if err != nil {
				return err
			}
			var opts []clientv3.LeaseOption
			if withKeys {
				opts = append(opts, clientv3.WithAttachedKeys())
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			resp, err := cli.TimeToLive(context.Background(), id, opts...)
			if err != nil {
				return badConnection(err)
			}
			return c.show.Print(printer.TimeToLive{Response: resp, WithKeys: withKeys})
		}),
	}
	cmd.Flags().BoolVar(&withKeys, "keys", false, "show the keys attached to the lease")
	return cmd
}

func (c *ctl) leaseListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the leases there are",
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			resp, err := cli.Leases(context.Background())
			if err != nil {
				return badConnection(err)
			}
			return c.show.Print(resp)
		}),
	}
}

func (c *ctl) leaseKeepAliveCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "keep-alive [options] <leaseID>",
		Short: "Renews a lease until it ends",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("lease keep-alive command needs lease ID as argument")
			}
			id, err := parseLeaseID(args[0])
			if err != nil {
				return err
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			if once {
				resp, err := cli.KeepAliveOnce(context.Background(), id)
				if err != nil {
					return badConnection(err)
				}
				return c.show.Print(resp)
			}
			return c.keepAlive(cli, id)
		}),
	}
	cmd.Flags().BoolVar(&once, "once", false, "renew once and return")
	return cmd
}

// keepAlive renews the lease as often as the client finds right, until the
// server says that it has ended.
func (c *ctl) keepAlive(cli *clientv3.Client, id clientv3.LeaseID) error {
	renewals, err := cli.KeepAlive(context.Background(), id)
	if err != nil {
		return badConnection(err)
	}
	for resp := range renewals {
		if err := c.show.Print(resp); err != nil {
			return err
		}
	}
	if c.flags.format == "simple" {
		fmt.Fprintf(c.Stdout, "lease %016x expired or revoked.\n", id)
	}
	return nil
}
