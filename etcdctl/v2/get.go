package v2

import (
	"context"
	"fmt"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) getCommand() cli.Command {
	return cli.Command{
		Name:      "get",
		Usage:     "retrieve the value of a key",
		ArgsUsage: "<key>",
		Flags:     []cli.Flag{sortFlag(), quorumFlag()},
		Action:    c.get,
	}
}

// sortFlag asks for the keys of a directory in order.
func sortFlag() cli.Flag { return cli.BoolFlag{Name: "sort", Usage: "in the order of the keys"} }

// quorumFlag asks for a linearizable read.
func quorumFlag() cli.Flag {
	return cli.BoolFlag{Name: "quorum, q", Usage: "ask a quorum: see every write that was acknowledged before"}
}

func (c *ctl) get(call *cli.Context) error {
	key, err := keyArgument(call)
	if err != nil {
		return err
	}
	reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
		return keys.Get(ctx, key, &client.GetOptions{Sort: call.Bool("sort"), Quorum: call.Bool("quorum")})
	})
	if err != nil {
		return err
	}
	if reply.Node.Dir {
		return plain(fmt.Errorf("%s: is a directory", reply.Node.Key))
	}
	return c.printKey(reply)
}
