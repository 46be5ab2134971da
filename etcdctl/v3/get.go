package v3

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// getFlags are the options of a range request. A txn's `get` takes them too.
type getFlags struct {
	consistency string
	order       string
	sortBy      string
	limit       int64
	rev         int64

	prefix, fromKey     bool
	keysOnly, countOnly bool
	valueOnly, stream   bool

	minCreateRev, maxCreateRev int64
	minModRev, maxModRev       int64
}

func (g *getFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&g.consistency, "consistency", "l", "l: linearizable, s: serializable (this member's state, perhaps an older one)")
	fs.StringVar(&g.order, "order", "", "order of the results: ASCEND or DESCEND")
	fs.StringVar(&g.sortBy, "sort-by", "", "what to sort by: CREATE, KEY, MODIFY, VALUE or VERSION")
	fs.Int64Var(&g.limit, "limit", 0, "most results to return (0: all)")
	fs.BoolVar(&g.prefix, "prefix", false, "all keys that begin with the key")
	fs.BoolVar(&g.fromKey, "from-key", false, "all keys that are the key or sort after it")
	fs.Int64Var(&g.rev, "rev", 0, "read the state as of this revision (0: the newest)")
	fs.BoolVar(&g.keysOnly, "keys-only", false, "only the keys, without values")
	fs.BoolVar(&g.countOnly, "count-only", false, "only how many keys there are")
	fs.BoolVar(&g.valueOnly, "print-value-only", false, "only the values, in the simple format")
	fs.Int64Var(&g.minCreateRev, "min-create-rev", 0, "leave out keys created before this revision")
	fs.Int64Var(&g.maxCreateRev, "max-create-rev", 0, "leave out keys created after this revision")
	fs.Int64Var(&g.minModRev, "min-mod-rev", 0, "leave out keys modified before this revision")
	fs.Int64Var(&g.maxModRev, "max-mod-rev", 0, "leave out keys modified after this revision")
	fs.BoolVar(&g.stream, "stream", false, "read by the RangeStream RPC, for results too large for one message")
}

func (c *ctl) getCommand() *cobra.Command {
	var flags getFlags
	cmd := &cobra.Command{
		Use:   "get [options] <key> [range_end]",
		Short: "Reads a key or the range of keys [key, range_end)",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.get(cmd, args, &flags)
		}),
	}
	flags.register(cmd.Flags())
	values(cmd, "consistency", "l", "s")
	values(cmd, "order", "ASCEND", "DESCEND")
	values(cmd, "sort-by", "CREATE", "KEY", "MODIFY", "VALUE", "VERSION")
	return cmd
}

func (c *ctl) get(cmd *cobra.Command, args []string, flags *getFlags) error {
	key, opts, err := flags.options(args)
	if err != nil {
		return err
	}
	cli, err := c.connect(cmd)
	if err != nil {
		return err
	}
	if flags.countOnly && c.flags.format != "fields" {
		return badArgs("--count-only is only for `--write-out=fields`")
	}
	if flags.valueOnly {
		if c.flags.format != "simple" {
			return badArgs("print-value-only is only for `--write-out=simple`")
		}
		if c.show, err = c.newPrinter(true); err != nil {
			return err
		}
	}
	ctx, cancel := c.commandContext()
	defer cancel()
	var resp *clientv3.GetResponse
	if flags.stream {
		var stream clientv3.GetStreamChan
		if stream, err = cli.GetStream(ctx, key, opts...); err == nil {
			resp, err = clientv3.GetStreamToGetResponse(stream)
		}
	} else {
		resp, err = cli.Get(ctx, key, opts...)
	}
	if err != nil {
		return err
	}
	return c.show.Print(resp)
}

// op is the get as a part of a transaction.
func (g *getFlags) op(args []string) (clientv3.Op, error) {
	key, opts, err := g.options(args)
	if err != nil {
		return clientv3.Op{}, err
	}
	return clientv3.OpGet(key, opts...), nil
}

// options turns arguments and flags into the request's key and options.
func (g *getFlags) options(args []string) (string, []clientv3.OpOption, error) {
	if len(args) == 0 {
		return "", nil, badArgs("get command needs one argument as key and an optional argument as range_end")
	}
	if g.keysOnly && g.countOnly && !(g.prefix && g.fromKey) {
		return "", nil, badArgs("`--keys-only` and `--count-only` cannot be set at the same time, choose one")
	}
	key, opts, err := keyRange(args, g.prefix, g.fromKey)
	if err != nil {
		return "", nil, err
	}
	stale, err := serializable(g.consistency)
	if err != nil {
		return "", nil, err
	}
	if stale {
		opts = append(opts, clientv3.WithSerializable())
	}
	if g.limit != 0 {
		opts = append(opts, clientv3.WithLimit(g.limit))
	}
	if g.rev > 0 {
		opts = append(opts, clientv3.WithRev(g.rev))
	}
	sort, err := g.sort()
	if err != nil {
		return "", nil, err
	}
	opts = append(opts, sort)
	if g.keysOnly {
		opts = append(opts, clientv3.WithKeysOnly())
	}
	if g.countOnly {
		opts = append(opts, clientv3.WithCountOnly())
	}
	bounds, err := g.revisionBounds()
	if err != nil {
		return "", nil, err
	}
	return key, append(opts, bounds...), nil
}

func (g *getFlags) sort() (clientv3.OpOption, error) {
	order, ok := map[string]clientv3.SortOrder{
		"":        clientv3.SortNone,
		"ASCEND":  clientv3.SortAscend,
		"DESCEND": clientv3.SortDescend,
	}[strings.ToUpper(g.order)]
	if !ok {
		return nil, badFeature("bad sort order %v", g.order)
	}
	target, ok := map[string]clientv3.SortTarget{
		"":        clientv3.SortByKey,
		"KEY":     clientv3.SortByKey,
		"CREATE":  clientv3.SortByCreateRevision,
		"MODIFY":  clientv3.SortByModRevision,
		"VALUE":   clientv3.SortByValue,
		"VERSION": clientv3.SortByVersion,
	}[strings.ToUpper(g.sortBy)]
	if !ok {
		return nil, badFeature("bad sort target %v", g.sortBy)
	}
	return clientv3.WithSort(target, order), nil
}

// revisionBounds are the filters by the revisions that made and last changed a
// key. An upper bound of 0 is none.
func (g *getFlags) revisionBounds() ([]clientv3.OpOption, error) {
	if g.maxCreateRev > 0 && g.minCreateRev > g.maxCreateRev {
		return nil, badFeature("getMinCreateRev(=%v) > getMaxCreateRev(=%v)", g.minCreateRev, g.maxCreateRev)
	}
	if g.maxModRev > 0 && g.minModRev > g.maxModRev {
		return nil, badFeature("getMinModRev(=%v) > getMaxModRev(=%v)", g.minModRev, g.maxModRev)
	}
	var opts []clientv3.OpOption
	for _, bound := range []struct {
		rev  int64
		with func(int64) clientv3.OpOption
	}{
		{g.minCreateRev, clientv3.WithMinCreateRev},
		{g.maxCreateRev, clientv3.WithMaxCreateRev},
		{g.minModRev, clientv3.WithMinModRev},
		{g.maxModRev, clientv3.WithMaxModRev},
	} {
		if bound.rev > 0 {
			opts = append(opts, bound.with(bound.rev))
		}
	}
	return opts, nil
}

// keyRange is the range that a key, an optional end and the two flags mean, in
// a read and in a delete alike. An empty key is the first of all keys.
func keyRange(args []string, prefix, fromKey bool) (string, []clientv3.OpOption, error) {
	if prefix && fromKey {
		return "", nil, badArgs("`--prefix` and `--from-key` cannot be set at the same time, choose one")
	}
	key := args[0]
	if len(args) > 1 {
		if prefix || fromKey {
			return "", nil, badArgs("too many arguments, only accept one argument when `--prefix` or `--from-key` is set")
		}
		return key, []clientv3.OpOption{clientv3.WithRange(args[1])}, nil
	}
	switch {
	case !prefix && !fromKey:
		return key, nil, nil
	case key == "":
		return "\x00", []clientv3.OpOption{clientv3.WithFromKey()}, nil
	case prefix:
		return key, []clientv3.OpOption{clientv3.WithPrefix()}, nil
	}
	return key, []clientv3.OpOption{clientv3.WithFromKey()}, nil
}

// values makes a shell complete the flag by the given values.
func values(cmd *cobra.Command, flag string, values ...string) {
	complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveDefault)
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic("etcdctl: completion of a flag that is not registered: " + flag)
	}
}
