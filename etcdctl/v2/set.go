package v2

import (
	"context"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) setCommand() cli.Command {
	return cli.Command{
		Name:      "set",
		Usage:     "set the value of a key",
		ArgsUsage: "<key> <value>",
		Description: `Sets the value of a key, read from standard input if it is not given.

   A value that looks like one of these flags needs '--' before the key:

   $ set -- <key> <value>`,
		Flags: []cli.Flag{
			ttlFlag(),
			cli.StringFlag{Name: "swap-with-value", Usage: "set it only if this is its value"},
			cli.IntFlag{Name: "swap-with-index", Usage: "set it only if this is its modified index"},
		},
		Action: c.set,
	}
}

func (c *ctl) set(call *cli.Context) error {
	key, value, err := c.keyAndValue(call)
	if err != nil {
		return err
	}
	reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
		return keys.Set(ctx, key, value, &client.SetOptions{
			TTL:       ttl(call),
			PrevValue: call.String("swap-with-value"),
			PrevIndex: uint64(call.Int("swap-with-index")),
		})
	})
	if err != nil {
		return err
	}
	return c.printKey(reply)
}
