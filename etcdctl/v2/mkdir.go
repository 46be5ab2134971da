package v2

import (
	"context"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) mkdirCommand() cli.Command {
	return c.writeDirCommand("mkdir", "make a new directory", client.PrevNoExist)
}

func (c *ctl) setdirCommand() cli.Command {
	return c.writeDirCommand("setdir", "create a new directory or update an existing directory TTL", client.PrevIgnore)
}

func (c *ctl) updatedirCommand() cli.Command {
	return c.writeDirCommand("updatedir", "update the TTL of an existing directory", client.PrevExist)
}

// writeDirCommand is a command that writes a directory. The three of them
// differ in whether it must, may or must not exist before.
func (c *ctl) writeDirCommand(name, usage string, before client.PrevExistType) cli.Command {
	return cli.Command{
		Name:      name,
		Usage:     usage,
		ArgsUsage: "<key>",
		Flags:     []cli.Flag{ttlFlag()},
		Action: func(call *cli.Context) error {
			key, err := keyArgument(call)
			if err != nil {
				return err
			}
			reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
				return keys.Set(ctx, key, "", &client.SetOptions{TTL: ttl(call), Dir: true, PrevExist: before})
			})
			if err != nil || c.flags.output == formatSimple {
				return err // a directory has no value to show
			}
			return c.printKey(reply)
		},
	}
}
