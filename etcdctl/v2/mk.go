package v2

import (
	"context"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) mkCommand() cli.Command {
	return cli.Command{
		Name:      "mk",
		Usage:     "make a new key with a given value",
		ArgsUsage: "<key> <value>",
		Flags: []cli.Flag{
			cli.BoolFlag{Name: "in-order", Usage: "make a key under the directory <key>, named so that keys sort as they were made"},
			ttlFlag(),
		},
		Action: c.mk,
	}
}

func (c *ctl) mk(call *cli.Context) error {
	key, value, err := c.keyAndValue(call)
	if err != nil {
		return err
	}
	reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
		if call.Bool("in-order") {
			return keys.CreateInOrder(ctx, key, value, &client.CreateInOrderOptions{TTL: ttl(call)})
		}
		return keys.Set(ctx, key, value, &client.SetOptions{TTL: ttl(call), PrevExist: client.PrevNoExist})
	})
	if err != nil {
		return err
	}
	return c.printKey(reply)
}
