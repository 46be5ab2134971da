package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
)

// Program is a process' command line.
type Program struct {
	Options     *Options
	Logs        *logs.Options
	Flags       cliflag.NamedFlagSets
	Short, Long string

	Validate func() error
	Work     func(ctx context.Context, config *rest.Config) error
}

// NewCommand makes the command of a program: its flags, its help, and its life until a signal ends it.
func NewCommand(p *Program) *cobra.Command {
	cmd := &cobra.Command{
		Use: p.Options.Name, Short: p.Short, Long: p.Long, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			verflag.PrintAndExitIfRequested()
			if err := logsapi.ValidateAndApply(p.Logs, nil); err != nil {
				return err
			}
			if err := p.Validate(); err != nil {
				return fmt.Errorf("%s: %w", p.Options.Name, err)
			}
			cliflag.PrintFlags(cmd.Flags())
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return Run(ctx, p.Options, p.Work)
		},
	}
	global := p.Flags.FlagSet("global")
	verflag.AddFlags(global)
	globalflag.AddGlobalFlags(global, cmd.Name(), logs.SkipLoggingConfigurationFlags())
	for _, set := range p.Flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, p.Flags, columns)
	return cmd
}
