package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// gcPercent lets the load generator trade memory, which it has, for CPU, which the servers need.
const gcPercent = 800

func main() {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage marks what the user asked for as impossible.
var errUsage = errors.New("usage")

// root assembles the commands.
func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measures petcd beside the real etcd, in turns, on this machine",
		Long: `bench measures petcd beside the real etcd: in one run, in turns (A B A B ...), under the same load.

A target is one of
  petcd                        the etcd binary beside this program, or $PETCD_BIN, or built from the tree
  3.7.3, 3.4.23                a real etcd from $PETCD_PEERS/<version> or bin/peers/<version> (make peers)
  name=/path/to/etcd           any server that takes etcd's flags
  http://a:2379,http://b:2379  a running cluster (no CPU, memory or disk figures)
The first target is compared with the second; further ones stand beside. Each turn gets a fresh cluster.

A closed loop (the default) keeps every client busy and finds the highest throughput. With --rate the
loop is open: operations are due at a fixed rate, and latency counts from when each was due.

CPU per unit is user and system time of the server processes, summed over the members, from /proc.
The machine drifts: trust ratios, which are taken within each pair of turns.`,
		Example: `  bench compare --quick
  bench compare --pairs 5 --json bin/bench.json --html bin/bench.html
  bench compare --only "large store" --target petcd --target 3.7.3 --target 3.4.23
  bench report bin/bench.json --html bin/bench.html
  bench put --target petcd --target 3.7.3 --members 3 --pairs 5 --conns 100 --clients 1000 --duration 20s
  bench put --rate 3000 --clients 500 --duration 60s
  bench kube --nodes 5000 --duration 15m
  bench fill --live 10GiB --history 10GiB --keep
  bench v2-set --target petcd --target 3.4.23 --members 3`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(compareCommand(), v2CompareCommand(), reportCommand(),
		putCommand(), rangeCommand(), txnCommand(), watchCommand(), leaseCommand(), kubeCommand(), bigstoreCommand(), fillCommand(),
		v2SetCommand(), v2GetCommand(), v2WatchCommand())
	return cmd
}
