// Command cri-runtime is the embedded container runtime: CRI v1 on a socket.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/version/verflag"

	"github.com/petcd/petcd/orchestrator/runtime"
)

func main() {
	o, l := runtime.NewOptions(), logs.NewOptions()
	cmd := &cobra.Command{
		Use: "cri-runtime", Short: "The embedded container runtime: CRI v1 on a socket", SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		Long: `The embedded container runtime serves CRI v1 on a socket. Each pod is held by a process of its own, cri-shim, so pods go on
when this one ends; the next one takes them over. It needs root; without it, it serves images and says what is missing.`,
		RunE: func(*cobra.Command, []string) error {
			verflag.PrintAndExitIfRequested()
			if err := logsapi.ValidateAndApply(l, nil); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return runtime.Run(ctx, o)
		},
	}
	o.AddFlags(cmd.Flags())
	logsapi.AddFlags(l, cmd.Flags())
	verflag.AddFlags(cmd.Flags())
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "cri-runtime:", err)
		os.Exit(1)
	}
}
