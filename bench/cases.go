package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/bench/turn"
	"github.com/petcd/petcd/bench/workload"
)

// turnCommand makes a command that measures one turn, whose flags the caller adds.
func turnCommand(s settings, use, short string, t turn.Turn) *cobra.Command {
	members := 1
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), []row{{name: cmd.Name(), members: members, turn: t}}, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.register(cmd.Flags())
	cmd.Flags().IntVar(&members, "members", members, "members of each cluster that is started")
	return cmd
}

// loadCommand makes a command that measures one load.
func loadCommand(s settings, use, short string, l *turn.Load) *cobra.Command {
	cmd := turnCommand(s, use, short, l)
	f := cmd.Flags()
	registerClients(f, &l.Clients)
	f.Uint64Var(&l.Ops, "ops", l.Ops, "end after this many operations; 0 = no limit")
	f.DurationVar(&l.Duration, "duration", l.Duration, "end after this long; 0 = no limit")
	f.DurationVar(&l.Warmup, "warmup", l.Warmup, "apply the load this long before measuring")
	f.Float64Var(&l.Rate, "rate", l.Rate, "operations per second of an open loop; 0 = closed loop")
	registerData(f, &l.Data)
	return cmd
}

func putCommand() *cobra.Command {
	return loadCommand(defaultSettings(), "put", "Writes one key per operation", fullScale().put(100, 1000))
}

func rangeCommand() *cobra.Command {
	var serializable bool
	cmd := loadCommand(defaultSettings(), "range", "Reads one existing key per operation",
		all(fullScale().load("read", 100, 1000, func(d workload.Data) workload.Workload {
			return &workload.Range{Data: d, Serializable: serializable}
		})))
	cmd.Flags().BoolVar(&serializable, "serializable", false, "let each member answer alone instead of linearizably")
	return cmd
}

func txnCommand() *cobra.Command {
	shape := workload.OnePut
	cmd := loadCommand(defaultSettings(), "txn", "Runs one transaction per operation",
		fullScale().load("transaction", 100, 1000, func(d workload.Data) workload.Workload {
			return &workload.Txn{Data: d, Shape: shape}
		}))
	cmd.Flags().StringVar(&shape, "shape", shape, "the transaction: "+strings.Join(workload.Shapes(), ", "))
	return cmd
}

func watchCommand() *cobra.Command {
	streams, watchers, perKey := 10, 100, false
	cmd := loadCommand(defaultSettings(), "watch", "Puts a key per operation and waits until every watcher has its event",
		all(fullScale().load("event", 10, 10, func(d workload.Data) workload.Workload {
			return &workload.Watch{Data: d, Streams: streams, Watchers: watchers, PerKey: perKey}
		})))
	cmd.Flags().IntVar(&streams, "streams", streams, "watch streams")
	cmd.Flags().IntVar(&watchers, "watchers", watchers, "watchers, spread evenly over the streams")
	cmd.Flags().BoolVar(&perKey, "per-key", perKey, "each watches one key, all keys as many, instead of all keys")
	return cmd
}

func leaseCommand() *cobra.Command {
	return loadCommand(defaultSettings(), "lease", "Renews a lease per operation, each client on a stream of its own",
		all(fullScale().keepAlive()))
}

// bigstoreCommand measures the row of the large store with other sizes.
func bigstoreCommand() *cobra.Command {
	t := fullScale().store()
	cmd := turnCommand(defaultSettings(), "bigstore", "Fills a large store, restarts it, counts, pages, saves, restores and defragments it", t)
	f := cmd.Flags()
	registerClients(f, &t.Clients)
	registerData(f, &t.Data)
	f.Int64Var(&t.Limit, "limit", t.Limit, "keys in a page")
	f.Uint64Var(&t.Revisions, "old", t.Revisions, "how many revisions back the old revision is")
	f.Float64Var(&t.Rate, "rate", t.Rate, "puts per second while it is defragmented")
	return cmd
}

// fillCommand fills and ages a store, to be kept or that of a running cluster.
func fillCommand() *cobra.Command {
	s := defaultSettings()
	s.targets = []string{"petcd"}
	t := &turn.Fill{Age: turn.Age{Data: fullScale().pods(0), Live: 1 << 30, History: 1 << 30}, Clients: fullScale().shared(100, 100)}
	cmd := turnCommand(s, "fill", "Fills and ages a store: that of a running cluster, or one to be left with --keep", t)
	f := cmd.Flags()
	f.Var((*size)(&t.Live), "live", "bytes of keys and newest values")
	f.Var((*size)(&t.History), "history", "bytes of older versions")
	f.IntVar(&t.Data.Values.Size, "value-size", t.Data.Values.Size, "bytes of a value")
	f.StringVar(&t.Data.Values.Kind, "value-kind", t.Data.Values.Kind, kindsUsage)
	return cmd
}

func kubeCommand() *cobra.Command {
	t := fullScale().kube()
	cmd := turnCommand(defaultSettings(), "kube", "Applies what the apiserver of a cluster asks of its store", t)
	f := cmd.Flags()
	f.IntVar(&t.Nodes, "nodes", t.Nodes, "nodes of the cluster")
	f.IntVar(&t.Conns, "conns", t.Conns, "connections")
	f.DurationVar(&t.Duration, "duration", t.Duration, "end after this long")
	f.DurationVar(&t.CompactEvery, "compact-every", t.CompactEvery, "time between compactions")
	return cmd
}

// newPut makes the put workload.
func newPut(d workload.Data) workload.Workload { return &workload.Put{Data: d} }
