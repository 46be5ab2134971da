package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
	"sigs.k8s.io/yaml"
)

const name = "kube-proxy"

// NewCommand returns the command line of kube-proxy.
func NewCommand() *cobra.Command {
	o := NewOptions()
	flags := o.Flags()
	cmd := &cobra.Command{
		Use: name, SilenceUsage: true, Args: cobra.NoArgs,
		Short: "Carries the traffic of Services on a node",
		Long: "Watches Services and EndpointSlices and keeps the kernel's rules as they say: connections to a Service's addresses and\n" +
			"ports go to one of its endpoints. The rules stay when this ends; --cleanup removes them.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			verflag.PrintAndExitIfRequested()
			if err := o.Complete(cmd.Flags()); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := logsapi.ValidateAndApply(&o.Config.Logging, nil); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			cliflag.PrintFlags(cmd.Flags())
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if err := o.act(ctx); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		},
	}
	global := flags.FlagSet("global")
	verflag.AddFlags(global)
	globalflag.AddGlobalFlags(global, cmd.Name(), logs.SkipLoggingConfigurationFlags())
	for _, set := range flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, flags, columns)
	return cmd
}

// act does what the flags ask for.
func (o *Options) act(ctx context.Context) error {
	switch {
	case o.WriteTo != "":
		text, err := yaml.Marshal(&o.Config)
		if err != nil {
			return err
		}
		return os.WriteFile(o.WriteTo, text, 0o600)
	case o.Cleanup:
		return cleanUp(ctx, modeNFTables, modeIPTables)
	case o.InitOnly:
		o.prepare(ctx)
		return nil
	}
	return o.Run(ctx)
}
