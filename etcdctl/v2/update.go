package v2

import (
	"context"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) updateCommand() cli.Command {
	return cli.Command{
		Name:      "update",
		Usage:     "update an existing key with a given value",
		ArgsUsage: "<key> <value>",
		Flags:     []cli.Flag{ttlFlag()},
		Action:    c.update,
	}
}

func (c *ctl) update(call *cli.Context) error {
	key, value, err := c.keyAndValue(call)
	if err != nil {
		return err
	}
	reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
		return keys.Set(ctx, key, value, &client.SetOptions{TTL: ttl(call), PrevExist: client.PrevExist})
	})
	if err != nil {
		return err
	}
	return c.printKey(reply)
}
