package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/version/verflag"
	"k8s.io/klog/v2"
)

// NewCommand is the kubelet's command.
func NewCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kubelet", SilenceUsage: true, DisableFlagParsing: true, // flags are read twice: for the file's name, and over the file
		Long: "kubelet runs a node's pods: those that the API server bound to it, and static ones of a folder.",
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := parse(args)
			if errors.Is(err, pflag.ErrHelp) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nUsage:\n  kubelet [flags]\n\n%s", cmd.Long, flags(NewOptions()).FlagUsagesWrapped(120))
				return nil
			}
			if err != nil {
				return err
			}
			verflag.PrintAndExitIfRequested()
			if err := logsapi.ValidateAndApply(o.Logs, nil); err != nil {
				return fmt.Errorf("kubelet: %w", err)
			}
			if err := o.Validate(); err != nil {
				return fmt.Errorf("kubelet: %w", err)
			}
			for _, w := range warnings(o.Config) {
				klog.Info("Warning: " + w)
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return Run(ctx, o)
		},
	}
}

// flags are all flags, bound to o.
func flags(o *Options) *pflag.FlagSet {
	fs := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	fs.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	fs.Usage = func() {} // the command writes it
	o.AddFlags(fs)
	logsapi.AddFlags(o.Logs, fs)
	verflag.AddFlags(fs)
	globalflag.AddGlobalFlags(fs, "kubelet", logs.SkipLoggingConfigurationFlags())
	return fs
}

// parse reads the flags, and the file that they name.
func parse(args []string) (*Options, error) {
	o := NewOptions()
	fs := flags(o)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("kubelet: unknown argument %q", fs.Arg(0))
	}
	if o.ConfigFile == "" {
		return o, nil
	}
	c, err := LoadConfig(o.ConfigFile)
	if err != nil {
		return nil, err
	}
	o = NewOptions()
	o.Config = c
	return o, flags(o).Parse(args)
}
