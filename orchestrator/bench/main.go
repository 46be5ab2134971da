// Command bench measures the control plane at scale: how long a cluster of simulated nodes takes until so many pods run, what users feel
// meanwhile, and what each process costs; on petcd and on another store, one after the other in one run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// settings are the flags.
type settings struct {
	bin     string
	stores  []string // name=program
	nodes   int
	pods    int
	sets    int
	timeout time.Duration
	json    string
	keep    bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	klog.SetLogger(logr.Discard()) // what the client library has to say at the end of each cluster
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	s := &settings{}
	cmd := &cobra.Command{
		Use: "bench", Short: "Measures the control plane at scale, on several stores in turn", SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var results []*result
			for _, store := range s.stores {
				name, program, ok := strings.Cut(store, "=")
				if !ok {
					return fmt.Errorf("--store %q: not name=program", store)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d nodes, %d pods\n", name, s.nodes, s.pods)
				r, err := s.run(cmd.Context(), name, program)
				if err != nil {
					return err
				}
				results = append(results, r)
			}
			return s.report(cmd.OutOrStdout(), results)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.bin, "bin", "../bin", "folder of the control plane's programs")
	f.StringArrayVar(&s.stores, "store", []string{"petcd=../bin/etcd", "etcd-3.7.3=../bin/peers/3.7.3/etcd"}, "a store and its program; repeat it to compare, the last is the base")
	f.IntVar(&s.nodes, "nodes", 1000, "simulated nodes")
	f.IntVar(&s.pods, "pods", 10_000, "pods, of all deployments together")
	f.IntVar(&s.sets, "deployments", 10, "deployments")
	f.DurationVar(&s.timeout, "timeout", 20*time.Minute, "how long one store may take")
	f.StringVar(&s.json, "json", "", "also write the results to this file")
	f.BoolVar(&s.keep, "keep", false, "leave data and logs")
	return cmd
}
