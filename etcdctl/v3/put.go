package v3

import (
	"context"
	"io"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// putFlags are the options of a put. A txn's `put` takes them too.
type putFlags struct {
	lease       string
	prevKV      bool
	ignoreValue bool
	ignoreLease bool
}

func (p *putFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&p.lease, "lease", "0", "lease to attach to the key, in hexadecimal")
	fs.BoolVar(&p.prevKV, "prev-kv", false, "show the key and value as they were before")
	fs.BoolVar(&p.ignoreValue, "ignore-value", false, "keep the key's value")
	fs.BoolVar(&p.ignoreLease, "ignore-lease", false, "keep the key's lease")
}

func (c *ctl) putCommand() *cobra.Command {
	var flags putFlags
	cmd := &cobra.Command{
		Use:   "put [options] <key> <value> (<value> can also be given from stdin)",
		Short: "Writes a key",
		Long: `Writes a key.

Without <value>, and without --ignore-value, the value is all of standard input:

  cat file | etcdctl put key

A key or value that begins with a dash comes after a double dash:

  etcdctl put -- key -value`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			op, err := flags.op(args, c.Stdin)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.Do(ctx, op)
				return resp.Put(), err
			})
		}),
	}
	flags.register(cmd.Flags())
	return cmd
}

// op is the put that arguments, flags and, for a value that was not given, the
// input ask for.
func (p *putFlags) op(args []string, in io.Reader) (clientv3.Op, error) {
	const usage = "put command needs 1 argument and input from stdin or 2 arguments"
	if len(args) == 0 {
		return clientv3.Op{}, badArgs(usage)
	}
	if p.ignoreValue && len(args) > 1 {
		return clientv3.Op{}, badArgs("put command needs only 1 argument when 'ignore-value' is set")
	}
	var value string
	if !p.ignoreValue {
		var err error
		if value, err = argOrInput(args, 1, in); err != nil {
			return clientv3.Op{}, badArgs(usage)
		}
	}
	lease, err := strconv.ParseInt(p.lease, 16, 64)
	if err != nil {
		return clientv3.Op{}, badArgs("bad lease ID (%w), expecting ID in Hex", err)
	}
	var opts []clientv3.OpOption
	if lease != 0 {
		opts = append(opts, clientv3.WithLease(clientv3.LeaseID(lease)))
	}
	if p.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	if p.ignoreValue {
		opts = append(opts, clientv3.WithIgnoreValue())
	}
	if p.ignoreLease {
		opts = append(opts, clientv3.WithIgnoreLease())
	}
	return clientv3.OpPut(args[0], value, opts...), nil
}
