package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/bench/workload"
)

// caseCommand makes a command that measures one benchmark with the flags' settings.
func caseCommand(use, short, unit string, l load, more func(*cobra.Command), make func(workload.Data) workload.Workload) *cobra.Command {
	return caseOf(defaultSettings(), nil, use, short, unit, l, more, make)
}

// caseOf is caseCommand with other settings to begin with, and flags for every server.
func caseOf(s settings, flags []string, use, short, unit string, l load, more func(*cobra.Command), make func(workload.Data) workload.Workload) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd, benchmark{name: cmd.Name(), unit: unit, members: s.members, load: l, workload: make, flags: flags})
		},
	}
	s.register(cmd.Flags())
	l.register(cmd.Flags())
	if more != nil {
		more(cmd)
	}
	return cmd
}

// run measures the benchmarks one after another and reports them together.
func (s *settings) run(cmd *cobra.Command, benchmarks ...benchmark) error {
	specs, rep, cleanup, err := s.prepare(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer cleanup()
	for _, b := range benchmarks {
		c, err := s.runCase(cmd.Context(), specs, b, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		rep.Cases = append(rep.Cases, c)
	}
	return s.finish(rep, cmd.OutOrStdout())
}

func putCommand() *cobra.Command {
	l := defaultLoad()
	l.leaderOnly = true
	return caseCommand("put", "Writes one key per operation", "put", l, nil, newPut)
}

func rangeCommand() *cobra.Command {
	var serializable bool
	return caseCommand("range", "Reads one existing key per operation", "read", defaultLoad(),
		func(cmd *cobra.Command) {
			cmd.Flags().BoolVar(&serializable, "serializable", false, "let each member answer alone instead of linearizably")
		},
		func(d workload.Data) workload.Workload { return &workload.Range{Data: d, Serializable: serializable} })
}

func txnCommand() *cobra.Command {
	shape := workload.OnePut
	l := defaultLoad()
	l.leaderOnly = true
	return caseCommand("txn", "Runs one transaction per operation", "transaction", l,
		func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&shape, "shape", shape, "the transaction: "+strings.Join(workload.Shapes(), ", "))
		},
		func(d workload.Data) workload.Workload { return &workload.Txn{Data: d, Shape: shape} })
}

func watchCommand() *cobra.Command {
	streams, watchers := 10, 10
	l := defaultLoad()
	l.conns, l.clients = 10, 10
	return caseCommand("watch-latency", "Puts a key per operation and waits until every watcher has its event", "event", l,
		func(cmd *cobra.Command) {
			cmd.Flags().IntVar(&streams, "streams", streams, "watch streams")
			cmd.Flags().IntVar(&watchers, "watchers", watchers, "watchers on each stream, each of all keys")
		},
		func(d workload.Data) workload.Workload {
			return &workload.WatchLatency{Data: d, Streams: streams, Watchers: watchers}
		})
}

func leaseCommand() *cobra.Command {
	return caseCommand("lease", "Renews a lease per operation, each client on a stream of its own", "renewal", defaultLoad(), nil,
		func(workload.Data) workload.Workload { return &workload.KeepAlive{} })
}

// newPut makes the put workload.
func newPut(d workload.Data) workload.Workload { return &workload.Put{Data: d} }

// compareCommand measures the set of cases by which releases are judged.
func compareCommand() *cobra.Command {
	return setCommand("compare", "Measures the standard set of cases, 1 and 3 members", "put, range, txn, watch, lease", defaultSettings(), standard)
}

// setCommand makes a command that measures a set of cases.
func setCommand(use, short, names string, s settings, set func(duration, warmup time.Duration) []benchmark) *cobra.Command {
	duration, warmup := 10*time.Second, 2*time.Second
	var only []string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var chosen []benchmark
			for _, b := range set(duration, warmup) {
				if matches(b.name, only) {
					chosen = append(chosen, b)
				}
			}
			if len(chosen) == 0 {
				return fmt.Errorf("%w: --only %v chooses no case", errUsage, only)
			}
			return s.run(cmd, chosen...)
		},
	}
	s.register(cmd.Flags())
	if err := cmd.Flags().MarkHidden("members"); err != nil {
		panic("bench: " + err.Error()) // the flag was registered a line ago
	}
	cmd.Flags().DurationVar(&duration, "duration", duration, "length of each turn")
	cmd.Flags().DurationVar(&warmup, "warmup", warmup, "apply the load this long before measuring")
	cmd.Flags().StringSliceVar(&only, "only", nil, "only cases whose name begins so ("+names+")")
	return cmd
}

// matches says whether the name begins with one of the prefixes, of which none means any.
func matches(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return len(prefixes) == 0
}

// standard is the set compareCommand measures.
func standard(duration, warmup time.Duration) []benchmark {
	with := func(conns, clients int, leaderOnly bool) load {
		l := defaultLoad()
		l.conns, l.clients, l.duration, l.warmup, l.leaderOnly = conns, clients, duration, warmup, leaderOnly
		return l
	}
	linearizable := func(d workload.Data) workload.Workload { return &workload.Range{Data: d} }
	serializable := func(d workload.Data) workload.Workload { return &workload.Range{Data: d, Serializable: true} }
	txn := func(shape string) func(workload.Data) workload.Workload {
		return func(d workload.Data) workload.Workload { return &workload.Txn{Data: d, Shape: shape} }
	}
	return []benchmark{
		{"put", "put", 1, with(1, 1, true), newPut, nil},
		{"put", "put", 1, with(10, 100, true), newPut, nil},
		{"put", "put", 1, with(100, 1000, true), newPut, nil},
		{"put", "put", 3, with(1, 1, true), newPut, nil},
		{"put", "put", 3, with(100, 1000, true), newPut, nil},
		{"put", "put", 3, with(100, 1000, false), newPut, nil},
		{"range linearizable", "read", 1, with(100, 1000, true), linearizable, nil},
		{"range linearizable", "read", 3, with(100, 1000, false), linearizable, nil},
		{"range serializable", "read", 1, with(100, 1000, true), serializable, nil},
		{"txn of 8 puts", "transaction", 1, with(10, 100, true), txn(workload.EightPuts), nil},
		{"txn mixed", "transaction", 1, with(100, 1000, true), txn(workload.Mixed), nil},
		{"watch-latency", "event", 1, with(10, 10, true), func(d workload.Data) workload.Workload {
			return &workload.WatchLatency{Data: d, Streams: 10, Watchers: 10}
		}, nil},
		{"lease", "renewal", 1, with(100, 1000, true), func(workload.Data) workload.Workload { return &workload.KeepAlive{} }, nil},
	}
}
