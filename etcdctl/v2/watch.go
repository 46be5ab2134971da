package v2

import (
	"context"
	"os"
	"os/signal"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) watchCommand() cli.Command {
	return cli.Command{
		Name:      "watch",
		Usage:     "watch a key for changes",
		ArgsUsage: "<key>",
		Flags: append([]cli.Flag{
			cli.BoolFlag{Name: "forever, f", Usage: "go on after the first change, until CTRL+C"},
		}, watchFlags()...),
		Action: c.watch,
	}
}

// watchFlags say what is watched.
func watchFlags() []cli.Flag {
	return []cli.Flag{
		cli.IntFlag{Name: "after-index", Usage: "begin with the first change after this index (0: from now on)"},
		cli.BoolFlag{Name: "recursive, r", Usage: "watch all that is under the key, too"},
	}
}

func (c *ctl) watch(call *cli.Context) error {
	key, err := keyArgument(call)
	if err != nil {
		return err
	}
	return c.eachChange(call, key, func(change *client.Response) (more bool, err error) {
		if change.Node.Dir {
			return true, nil
		}
		if call.Bool("recursive") {
			c.printf("[%s] %s\n", change.Action, change.Node.Key)
		}
		return call.Bool("forever"), c.printKey(change)
	})
}

// eachChange gives the changes of a key, as the flags say, to f until it wants
// no more. An interrupt ends it, too, and is no error.
func (c *ctl) eachChange(call *cli.Context, key string, f func(change *client.Response) (more bool, err error)) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	watcher := keys.Watcher(key, &client.WatcherOptions{
		AfterIndex: uint64(call.Int("after-index")),
		Recursive:  call.Bool("recursive"),
	})
	for more := true; more; {
		change, err := watcher.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fail(exitServerError, err)
		}
		if more, err = f(change); err != nil {
			return err
		}
	}
	return nil
}
