package apiserver

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	genericapiserver "k8s.io/apiserver/pkg/server"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
	"k8s.io/klog/v2"
)

// NewCommand returns the command line of kube-apiserver.
func NewCommand() *cobra.Command {
	o := NewOptions()
	cmd := &cobra.Command{
		Use:          "kube-apiserver",
		Short:        "kube-apiserver serves the Kubernetes API over petcd or etcd.",
		Long:         "kube-apiserver validates and keeps the objects of the Kubernetes API in petcd or etcd (--etcd-servers), and is the\nonly part of the control plane that talks to the store.",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return o.Server.ComponentGlobalsRegistry.Set()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			verflag.PrintAndExitIfRequested()
			if err := logsapi.ValidateAndApply(o.Logs, nil); err != nil {
				return err
			}
			return run(genericapiserver.SetupSignalContext(), o, cmd)
		},
	}
	flags := o.Flags()
	verflag.AddFlags(flags.FlagSet("global"))
	globalflag.AddGlobalFlags(flags.FlagSet("global"), cmd.Name(), logs.SkipLoggingConfigurationFlags())
	for _, set := range flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, flags, columns)
	return cmd
}

func run(ctx context.Context, o *Options, cmd *cobra.Command) error {
	cliflag.PrintFlags(cmd.Flags())
	if err := o.complete(); err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	server, err := New(ctx, o)
	if err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Serving", "store", o.Etcd.StorageConfig.Transport.ServerList)
	return server.Run(ctx)
}

// complete fills in what follows from other flags.
func (o *Options) complete() error {
	if err := o.Server.DefaultAdvertiseAddress(o.Serving.SecureServingOptions); err != nil {
		return err
	}
	names := []string{"kubernetes.default.svc", "kubernetes.default", "kubernetes"}
	if err := o.Serving.MaybeDefaultWithSelfSignedCerts(o.Server.AdvertiseAddress.String(), names, o.ServiceRanges.first()); err != nil {
		return fmt.Errorf("kube-apiserver: self-signed certificate: %w", err)
	}
	if o.Server.ExternalHost == "" {
		o.Server.ExternalHost = o.Server.AdvertiseAddress.String()
	}
	if len(o.Authentication.Audiences) == 0 && len(o.Authentication.Issuers) > 0 {
		o.Authentication.Audiences = o.Authentication.Issuers[:1]
	}
	return o.Server.Complete()
}
