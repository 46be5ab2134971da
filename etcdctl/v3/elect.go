package v3

import (
	"context"
	"errors"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func (c *ctl) electCommand() *cobra.Command {
	var listen bool
	cmd := &cobra.Command{
		Use:   "elect <election-name> [proposal]",
		Short: "Takes part in an election, or watches who is elected",
		Long: `Takes part in an election with a proposal and, once elected, shows it and stays
elected until it is interrupted. With --listen it shows every leader there is.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) != 1 && len(args) != 2:
				return badArgs("elect takes one election name argument and an optional proposal argument")
			case len(args) == 1 && !listen:
				return badArgs("no proposal argument but -l not set")
			case len(args) == 2 && listen:
				return badArgs("proposal given but -l is set")
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			if listen {
				return c.observe(cli, args[0])
			}
			return c.campaign(cli, args[0], args[1])
		}),
	}
	cmd.Flags().BoolVarP(&listen, "listen", "l", false, "only watch")
	return cmd
}

// interruption ends when the process is asked to stop. Without it the process
// would end at once and leave its lock or leadership to expire.
func interruption() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
}

func (c *ctl) observe(cli *clientv3.Client, election string) error {
	session, err := concurrency.NewSession(cli)
	if err != nil {
		return err
	}
	ctx, stop := interruption()
	defer stop()
	for leader := range concurrency.NewElection(session, election).Observe(ctx) {
		if err := c.show.Print(leader); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		return errors.New("elect: observer lost")
	}
	return nil
}

func (c *ctl) campaign(cli *clientv3.Client, election, proposal string) error {
	session, err := concurrency.NewSession(cli)
	if err != nil {
		return err
	}
	ctx, stop := interruption()
	defer stop()
	e := concurrency.NewElection(session, election)
	if err := e.Campaign(ctx, proposal); err != nil {
		return err
	}
	resp, err := cli.Get(ctx, e.Key())
	if err != nil {
		return err
	}
	if err := c.show.Print(resp); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return e.Resign(context.Background())
	case <-session.Done():
		return errors.New("elect: session expired")
	}
}
