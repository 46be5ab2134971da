package v3

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// delFlags are the options of a delete. A txn's `del` takes them too.
type delFlags struct {
	prefix, fromKey bool
	prevKV          bool
	rangeGiven      bool
}

// rangeDeleteGrace is how long a bare `del <key> <range_end>` can still be
// interrupted: many meant two keys, not all the keys between them.
const rangeDeleteGrace = 2 * time.Second

func (d *delFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&d.prefix, "prefix", false, "delete all keys that begin with the key")
	fs.BoolVar(&d.prevKV, "prev-kv", false, "show the deleted keys and values")
	fs.BoolVar(&d.fromKey, "from-key", false, "delete all keys that are the key or sort after it")
	fs.BoolVar(&d.rangeGiven, "range", false, "a range is meant: delete it without waiting")
}

func (c *ctl) delCommand() *cobra.Command {
	var flags delFlags
	cmd := &cobra.Command{
		Use:   "del [options] <key> [range_end]",
		Short: "Deletes a key or the range of keys [key, range_end)",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			op, err := flags.op(args, c.Stderr)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.Do(ctx, op)
				return resp.Del(), err
			})
		}),
	}
	flags.register(cmd.Flags())
	return cmd
}

// op is the delete that arguments and flags ask for. It waits before it
// returns a range that was not confirmed by --range.
func (d *delFlags) op(args []string, warn io.Writer) (clientv3.Op, error) {
	if len(args) == 0 || len(args) > 2 {
		return clientv3.Op{}, badArgs("del command needs one argument as key and an optional argument as range_end")
	}
	key, opts, err := keyRange(args, d.prefix, d.fromKey)
	if err != nil {
		return clientv3.Op{}, err
	}
	if len(args) == 2 && !d.rangeGiven {
		fmt.Fprintf(warn, "Warning: Keys between %q and %q will be deleted. Please interrupt the command within next 2 seconds to cancel. "+
			"You can provide `--range` flag to avoid the delay.\n", args[0], args[1])
		time.Sleep(rangeDeleteGrace)
	}
	if d.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	return clientv3.OpDelete(key, opts...), nil
}
