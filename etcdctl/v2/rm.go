package v2

import (
	"context"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) rmCommand() cli.Command {
	return cli.Command{
		Name:      "rm",
		Usage:     "remove a key or a directory",
		ArgsUsage: "<key>",
		Flags: []cli.Flag{
			cli.BoolFlag{Name: "dir", Usage: "remove an empty directory, too"},
			cli.BoolFlag{Name: "recursive, r", Usage: "remove a directory with all that is in it"},
			cli.StringFlag{Name: "with-value", Usage: "remove it only if this is its value"},
			cli.IntFlag{Name: "with-index", Usage: "remove it only if this is its modified index"},
		},
		Action: func(call *cli.Context) error {
			return c.remove(call, &client.DeleteOptions{
				PrevValue: call.String("with-value"),
				PrevIndex: uint64(call.Int("with-index")),
				Dir:       call.Bool("dir"),
				Recursive: call.Bool("recursive"),
			})
		},
	}
}

func (c *ctl) rmdirCommand() cli.Command {
	return cli.Command{
		Name:      "rmdir",
		Usage:     "remove a key or an empty directory",
		ArgsUsage: "<key>",
		Action: func(call *cli.Context) error {
			return c.remove(call, &client.DeleteOptions{Dir: true})
		},
	}
}

// remove removes the key and shows the value that a key had; a directory had
// none.
func (c *ctl) remove(call *cli.Context, opts *client.DeleteOptions) error {
	key, err := keyArgument(call)
	if err != nil {
		return err
	}
	reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
		return keys.Delete(ctx, key, opts)
	})
	if err != nil || reply.Node.Dir && c.flags.output == formatSimple {
		return err
	}
	return c.printKey(reply)
}
