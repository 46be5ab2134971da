// Command simcluster runs a whole control plane with simulated nodes in the foreground, to try kubectl on.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/clustertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	klog.SetLogger(logr.Discard()) // what client libraries have to say would hide what this says
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var dir, bin string
	var nodes int
	cmd := &cobra.Command{
		Use: "simcluster", Short: "Runs a control plane with simulated nodes until Ctrl-C", SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			return run(cmd.Context(), cmd, clustertest.Options{Dir: dir, Bin: bin}, nodes)
		},
	}
	self, err := os.Executable()
	if err != nil {
		self = "." // then --bin says it
	}
	f := cmd.Flags()
	f.StringVar(&dir, "data-dir", "simcluster", "folder of data, certificates and logs; what is there is used again")
	f.StringVar(&bin, "bin", filepath.Dir(self), "folder of the control plane's programs")
	f.IntVar(&nodes, "nodes", 3, "simulated nodes")
	return cmd
}

func run(ctx context.Context, cmd *cobra.Command, o clustertest.Options, nodes int) (err error) {
	fmt.Fprintln(cmd.OutOrStdout(), "starting etcd, kube-apiserver, kube-controller-manager and kube-scheduler; their logs are in", o.Dir)
	c, err := clustertest.Start(ctx, o)
	if c != nil {
		defer func() {
			if stop := c.Shutdown(); err == nil {
				err = stop
			}
		}()
	}
	if err != nil {
		return err
	}
	config, err := c.Config()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("node%d", i+1))
	}
	port, err := c.ServeKubelets(ctx)
	if err != nil {
		return err
	}
	kubelets := clustertest.NodeOptions{Names: names, Serve: func(string) int32 { return port }}
	if err := clustertest.NewNodes(client, kubelets).Run(ctx); err != nil {
		return err
	}
	path, err := filepath.Abs(c.Kubeconfig)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d simulated nodes are ready; in another terminal:\n\n  export KUBECONFIG=%s\n  kubectl get nodes\n\nThe store is at %s. Ctrl-C ends all.\n", nodes, path, c.StoreURL)
	<-ctx.Done()
	return nil
}
