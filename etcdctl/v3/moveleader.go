package v3

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) moveLeaderCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "move-leader <transferee-member-id>",
		Short: "Hands the leadership to another member",
		Long: `Hands the leadership to another member.

Only the leader can hand it over, so --endpoints must name its endpoint.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("move-leader command needs 1 argument")
			}
			target, err := strconv.ParseUint(args[0], 16, 64)
			if err != nil {
				return &exit{exitBadArgs, err}
			}
			return c.moveLeader(cmd, target)
		}),
	}
}

func (c *ctl) moveLeader(cmd *cobra.Command, target uint64) error {
	spec, err := c.clientSpec(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := c.commandContext()
	defer cancel()
	leader, id, err := c.findLeader(ctx, spec)
	if err != nil {
		return err
	}
	resp, err := leader.MoveLeader(ctx, target)
	if err != nil {
		return err
	}
	return c.show.Print(printer.Done{
		Text:     fmt.Sprintf("Leadership transferred from %x to %x", id, target),
		Response: resp,
	})
}

// findLeader returns a client of the first endpoint whose member says that it
// leads, and the member's id.
func (c *ctl) findLeader(ctx context.Context, spec *clientv3.ConfigSpec) (*clientv3.Client, uint64, error) {
	for _, e := range spec.Endpoints {
		cli, err := c.openOne(spec, e)
		if err != nil {
			return nil, 0, err
		}
		status, err := cli.Status(ctx, e)
		if err != nil {
			return nil, 0, err
		}
		if status.Leader == status.Header.GetMemberId() {
			return cli, status.Leader, nil
		}
	}
	return nil, 0, badArgs("no leader endpoint given at %v", spec.Endpoints)
}
