package manager

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/petcd/petcd/orchestrator/controller/nodeipam"
	"github.com/petcd/petcd/orchestrator/controller/nodelifecycle"
	"github.com/petcd/petcd/orchestrator/controller/pvbinder"
	"github.com/petcd/petcd/orchestrator/process"
)

// Options are the flags of kube-controller-manager, by upstream's names.
type Options struct {
	process.Options
	Logs *logs.Options

	Controllers []string // "*", names, and "-name" for those that shall not run

	Nodes                  nodelifecycle.Options
	PodRanges              nodeipam.Options
	Volumes                pvbinder.Options
	TerminatedPodThreshold int

	RootCAFile     string // that pods shall trust
	SigningKeyFile string // of tokens that lie in secrets

	Signer SignerFiles
}

// SignerFiles are the authority that signs what requests for certificates ask for.
type SignerFiles struct {
	Cert, Key string
	Duration  time.Duration // that a certificate is good for at most
}

// NewOptions returns the defaults: upstream's, but for the grace of nodes.
func NewOptions() *Options {
	return &Options{
		Options:                process.NewOptions("kube-controller-manager", 10257),
		Logs:                   logs.NewOptions(),
		Controllers:            []string{"*"},
		TerminatedPodThreshold: 12500,
		Nodes:                  nodelifecycle.Defaults(),
		Signer:                 SignerFiles{Duration: 365 * 24 * time.Hour},
	}
}

// Flags are all flags, in named sets.
func (o *Options) Flags() (all flag.NamedFlagSets) {
	o.Options.AddFlags(&all)
	logsapi.AddFlags(o.Logs, all.FlagSet("logs"))
	all.FlagSet("generic").StringSliceVar(&o.Controllers, "controllers", o.Controllers,
		"Which controllers run: '*' for all that run by default, 'name' for one, '-name' for all but one. There are: "+strings.Join(Names(), ", ")+".")
	o.addNodeFlags(all.FlagSet("nodes"))
	o.PodRanges.AddFlags(all.FlagSet("pod ranges"))
	f := all.FlagSet("accounts")
	f.StringVar(&o.RootCAFile, "root-ca-file", o.RootCAFile, "Certificates that every namespace gets in the ConfigMap kube-root-ca.crt.")
	f.StringVar(&o.SigningKeyFile, "service-account-private-key-file", o.SigningKeyFile, "The key that signs tokens in secrets, PEM. Without it there are none.")
	f.Bool("use-service-account-credentials", false, "Accepted for upstream's command lines: all controllers have this process' credentials.")
	f = all.FlagSet("certificates")
	f.StringVar(&o.Signer.Cert, "cluster-signing-cert-file", o.Signer.Cert, "The authority, PEM, that signs requests for certificates. Without it they are not signed.")
	f.StringVar(&o.Signer.Key, "cluster-signing-key-file", o.Signer.Key, "The key of --cluster-signing-cert-file.")
	f.DurationVar(&o.Signer.Duration, "cluster-signing-duration", o.Signer.Duration, "How long what is signed is good for, unless less is asked for.")
	f = all.FlagSet("volumes")
	f.StringVar(&o.Volumes.HostPathDir, "host-path-dir", o.Volumes.HostPathDir, "Where volumes are made for claims of a class whose provisioner is kubernetes.io/host-path. Without it none are.")
	all.FlagSet("pods").IntVar(&o.TerminatedPodThreshold, "terminated-pod-gc-threshold", o.TerminatedPodThreshold, "How many ended pods are kept; 0 for no bound.")
	unused := all.FlagSet("unused")
	unused.String("cluster-name", "kubernetes", "Accepted for upstream's command lines.")
	return all
}

func (o *Options) addNodeFlags(f *pflag.FlagSet) {
	n := &o.Nodes
	f.DurationVar(&n.MonitorPeriod, "node-monitor-period", n.MonitorPeriod, "How often nodes are looked at.")
	f.DurationVar(&n.MonitorGracePeriod, "node-monitor-grace-period", n.MonitorGracePeriod, "How long a node may be silent before it counts as unreachable.")
	f.DurationVar(&n.StartupGracePeriod, "node-startup-grace-period", n.StartupGracePeriod, "The same for a node that has just registered.")
	f.Float32Var(&n.EvictionRate, "node-eviction-rate", n.EvictionRate, "Nodes per second whose pods are evicted, in a zone that is healthy.")
	f.Float32Var(&n.SecondaryEvictionRate, "secondary-node-eviction-rate", n.SecondaryEvictionRate, "The same in a zone that is not.")
	f.Float32Var(&n.UnhealthyZoneThreshold, "unhealthy-zone-threshold", n.UnhealthyZoneThreshold, "The share of nodes that are not ready from which on a zone is not healthy.")
	f.IntVar(&n.LargeClusterSizeThreshold, "large-cluster-size-threshold", n.LargeClusterSizeThreshold, "Up to so many nodes, the secondary rate is 0.")
}

// Validate says all that is wrong with the flags.
func (o *Options) Validate() error {
	errs := []error{o.Options.Validate(), o.PodRanges.Validate()}
	names := Names()
	for _, c := range o.Controllers {
		if name := strings.TrimPrefix(c, "-"); name != "*" && !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("--controllers: %q is not in the list of known controllers", name))
		}
	}
	if o.Nodes.MonitorPeriod <= 0 || o.Nodes.MonitorGracePeriod <= 0 {
		errs = append(errs, errors.New("--node-monitor-period and --node-monitor-grace-period must be greater than 0"))
	}
	if (o.Signer.Cert == "") != (o.Signer.Key == "") {
		errs = append(errs, errors.New("--cluster-signing-cert-file and --cluster-signing-key-file go together"))
	}
	if o.Signer.Duration <= 0 {
		errs = append(errs, errors.New("--cluster-signing-duration must be greater than 0"))
	}
	return errors.Join(errs...)
}

// byNameOnly are the controllers that "*" doesn't choose, as upstream: kubeadm names them.
func byNameOnly(name string) bool {
	return name == "bootstrap-signer-controller" || name == "token-cleaner-controller"
}

// runs tells whether a controller is chosen.
func (o *Options) runs(name string) bool {
	switch {
	case slices.Contains(o.Controllers, "-"+name):
		return false
	case slices.Contains(o.Controllers, name):
		return true
	}
	return slices.Contains(o.Controllers, "*") && !byNameOnly(name)
}
