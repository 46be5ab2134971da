package v3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/mirror"
)

// mirrorReportInterval is how often make-mirror tells how many keys it wrote.
const mirrorReportInterval = 30 * time.Second

// mirrorFlags say what is mirrored, to which keys, and how the destination is
// reached.
type mirrorFlags struct {
	prefix       string
	destPrefix   string
	noDestPrefix bool
	rev          int64
	maxTxnOps    uint

	insecure          bool
	cert, key, cacert string
	user, password    string
}

func (m *mirrorFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&m.prefix, "prefix", "", "mirror only keys that begin with this")
	fs.Int64Var(&m.rev, "rev", 0, "begin with the changes of this revision instead of all keys there are")
	fs.UintVar(&m.maxTxnOps, "max-txn-ops", 128, "most changes written in one transaction")
	fs.StringVar(&m.destPrefix, "dest-prefix", "", "what --prefix becomes at the destination (default: stays)")
	fs.BoolVar(&m.noDestPrefix, "no-dest-prefix", false, "drop --prefix at the destination")
	fs.StringVar(&m.cert, "dest-cert", "", "like --cert, for the destination")
	fs.StringVar(&m.key, "dest-key", "", "like --key, for the destination")
	fs.StringVar(&m.cacert, "dest-cacert", "", "like --cacert, for the destination")
	fs.BoolVar(&m.insecure, "dest-insecure-transport", true, "like --insecure-transport, for the destination")
	fs.StringVar(&m.user, "dest-user", "", "like --user, for the destination")
	fs.StringVar(&m.password, "dest-password", "", "like --password, for the destination")
}

func (c *ctl) makeMirrorCommand() *cobra.Command {
	var flags mirrorFlags
	cmd := &cobra.Command{
		Use:   "make-mirror [options] <destination>",
		Short: "Copies keys to another cluster, and then every change to them",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("make-mirror takes one destination argument")
			}
			if flags.noDestPrefix && flags.destPrefix != "" {
				return badArgs("`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one")
			}
			spec, err := c.clientSpec(cmd)
			if err != nil {
				return err
			}
			source, err := c.open(spec)
			if err != nil {
				return err
			}
			destination, err := c.openDestination(spec, args[0], &flags)
			if err != nil {
				return err
			}
			return c.mirror(source, destination, &flags)
		}),
	}
	flags.register(cmd.Flags())
	return cmd
}

// openDestination opens a client with the timeouts and limits of the source's.
func (c *ctl) openDestination(source *clientv3.ConfigSpec, endpoint string, flags *mirrorFlags) (*clientv3.Client, error) {
	auth, err := c.credentials(flags.user, flags.password, "", "Destination Password: ")
	if err != nil {
		return nil, err
	}
	spec := source.Clone()
	spec.Endpoints = []string{endpoint}
	spec.Auth = auth
	spec.Secure = &clientv3.SecureConfig{
		Cert: flags.cert, Key: flags.key, Cacert: flags.cacert, InsecureTransport: flags.insecure,
	}
	return c.open(spec)
}

// mirrored is where the copies go.
type mirrored struct {
	to     *clientv3.Client
	rename func(key []byte) string
	limit  int // changes in one transaction
	total  atomic.Int64
}

func (c *ctl) mirror(source, destination *clientv3.Client, flags *mirrorFlags) error {
	destPrefix := flags.destPrefix
	if destPrefix == "" && !flags.noDestPrefix {
		destPrefix = flags.prefix
	}
	m := &mirrored{
		to:     destination,
		rename: func(key []byte) string { return destPrefix + strings.TrimPrefix(string(key), flags.prefix) },
		limit:  int(flags.maxTxnOps),
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go c.reportMirrored(ctx, m)

	// The syncer takes the last revision that is there already.
	syncer := mirror.NewSyncer(source, flags.prefix, max(flags.rev-1, 0))
	if flags.rev <= 1 {
		if err := m.copyAll(ctx, syncer); err != nil {
			return err
		}
	}
	for resp := range syncer.SyncUpdates(ctx) {
		if resp.CompactRevision != 0 {
			return rpctypes.ErrCompacted
		}
		if err := m.follow(ctx, resp.Events); err != nil {
			return err
		}
	}
	return errors.New("the watch of the source has ended")
}

func (c *ctl) reportMirrored(ctx context.Context, m *mirrored) {
	tick := time.NewTicker(mirrorReportInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fmt.Fprintln(c.Stdout, m.total.Load())
		}
	}
}

// copyAll writes all keys of one revision of the source.
func (m *mirrored) copyAll(ctx context.Context, syncer mirror.Syncer) error {
	pages, failed := syncer.SyncBase(ctx)
	for page := range pages {
		for _, kv := range page.Kvs {
			if _, err := m.to.Put(ctx, m.rename(kv.GetKey()), string(kv.GetValue())); err != nil {
				return err
			}
			m.total.Add(1)
		}
	}
	return <-failed
}

// follow writes events in their order. Those of one revision go in one
// transaction, as they did at the source, unless they are too many for one.
func (m *mirrored) follow(ctx context.Context, events []*clientv3.Event) error {
	var ops []clientv3.Op
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		_, err := m.to.Txn(ctx).Then(ops...).Commit()
		ops = nil
		return err
	}
	var rev int64
	for _, e := range events {
		if e.Kv.GetModRevision() != rev || len(ops) == m.limit {
			if err := flush(); err != nil {
				return err
			}
		}
		rev = e.Kv.GetModRevision()
		key := m.rename(e.Kv.GetKey())
		if e.Type == mvccpb.Event_DELETE {
			ops = append(ops, clientv3.OpDelete(key))
		} else {
			ops = append(ops, clientv3.OpPut(key, string(e.Kv.GetValue())))
		}
		m.total.Add(1)
	}
	return flush()
}
