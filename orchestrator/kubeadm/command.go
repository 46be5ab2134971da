package kubeadm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"

	"github.com/go-logr/logr"

	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
	"github.com/petcd/petcd/orchestrator/kubeadm/unit"
)

// NewCommand returns kubeadm's command line. more are commands that are built on it.
func NewCommand(more ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "kubeadm", Short: "kubeadm sets up the nodes of a cluster, and takes them down", SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) { klog.SetLogger(logr.Discard()) }, // what libraries have to say would hide what this says
	}
	cmd.AddCommand(newInit(), newJoin(), newReset(), newStart(), newToken(), newCerts(), newUnits(), newSupervise(), newVersion())
	cmd.AddCommand(more...)
	return cmd
}

// addNodeFlags adds the flags that init and join share.
func addNodeFlags(f *pflag.FlagSet, s *Settings) {
	f.StringVar(&s.NodeName, "node-name", s.NodeName, "name of the node; the machine's if there is none")
	f.StringVar(&s.CRISocket, "cri-socket", s.CRISocket, "where the container runtime listens: unix:///path")
	f.StringVar(&s.Runtime, "runtime", s.Runtime, "embedded, or containerd; default: containerd where its socket is found, embedded elsewhere")
	f.StringSliceVar(&s.Ignore, "ignore-preflight-errors", s.Ignore, "checks whose errors are shown as warnings, by name; 'all' for all")
	f.BoolVar(&s.DryRun, "dry-run", s.DryRun, "start nothing")
	f.StringVar(&s.Bin, "bin", s.Bin, "folder of the programs")
	f.StringVar(&s.Images, "images", s.Images, "OCI layout of the images, which the node serves itself when --image-repository is on loopback (default <bin>/images.oci)")
	addRoot(f, &s.Layout)
}

func addRoot(f *pflag.FlagSet, l *Layout) {
	f.StringVar(&l.Root, "root", l.Root, "folder below which everything is, in place of /")
}

// complete reads the configuration file and fills in the rest. Flags that are given win.
func complete(cmd *cobra.Command, file string, s *Settings, apply func(*configFile)) error {
	if file != "" {
		c, err := readConfigFile(file)
		if err != nil {
			return err
		}
		given := map[*pflag.Flag]string{}
		cmd.Flags().Visit(func(f *pflag.Flag) { given[f] = f.Value.String() })
		c.apply(s)
		apply(c)
		for f, value := range given {
			if _, isList := f.Value.(pflag.SliceValue); isList {
				continue // lists are joined
			}
			if err := f.Value.Set(value); err != nil {
				return fmt.Errorf("--%s: %w", f.Name, err)
			}
		}
	}
	return s.Complete()
}

func newInit() *cobra.Command {
	s, file := NewSettings(), ""
	cmd := &cobra.Command{
		Use: "init", Short: "Makes this machine the control plane of a new cluster", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := complete(cmd, file, s, func(*configFile) {}); err != nil {
				return err
			}
			return Init(cmd.Context(), s, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	addNodeFlags(f, s)
	addClusterFlags(f, s)
	f.StringVar(&file, "config", "", "file of ClusterConfiguration and InitConfiguration, "+apiVersion)
	f.StringVar(&s.Token, "token", s.Token, "the token that nodes join with; one is made if there is none")
	f.DurationVar(&s.TokenTTL, "token-ttl", s.TokenTTL, "how long the token is good for; 0 for ever")
	f.StringSliceVar(&s.Skip, "skip-phases", s.Skip, "phases that are skipped")
	return cmd
}

// addClusterFlags adds those of a control plane.
func addClusterFlags(f *pflag.FlagSet, s *Settings) {
	f.StringVar(&s.Address, "apiserver-advertise-address", s.Address, "the address of the API server, and of the node; default: the one towards the default route")
	f.Int32Var(&s.Port, "apiserver-bind-port", s.Port, "the API server's port")
	f.StringSliceVar(&s.CertSANs, "apiserver-cert-extra-sans", s.CertSANs, "further names and addresses in the API server's certificate")
	f.StringVar(&s.ControlPlaneEndpoint, "control-plane-endpoint", s.ControlPlaneEndpoint, "where clients find the API server, if not at its address")
	f.StringVar(&s.PodSubnet, "pod-network-cidr", s.PodSubnet, "range of the pods' addresses")
	f.StringVar(&s.ServiceSubnet, "service-cidr", s.ServiceSubnet, "range of the Services' addresses")
	f.StringVar(&s.DNSDomain, "service-dns-domain", s.DNSDomain, "domain of the Services' names")
	f.StringVar(&s.ImageRepository, "image-repository", s.ImageRepository, "registry of the cluster's images; default: one on each node's loopback")
	f.StringVar(&s.KubernetesVersion, "kubernetes-version", s.KubernetesVersion, "tag of the cluster's images")
	f.BoolVar(&s.StaticPods, "static-pods", s.StaticPods, "run the control plane in static pods; without, by units")
}

func newJoin() *cobra.Command {
	s, file := &JoinSettings{Settings: NewSettings()}, ""
	cmd := &cobra.Command{
		Use: "join [api-server-endpoint]", Short: "Makes this machine a node of a cluster", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := complete(cmd, file, s.Settings, s.apply); err != nil {
				return err
			}
			if len(args) > 0 {
				s.Endpoint = args[0]
			}
			return Join(cmd.Context(), s, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	addNodeFlags(f, s.Settings)
	f.StringVar(&file, "config", "", "file of JoinConfiguration, "+apiVersion)
	f.StringVar(&s.Token, "token", s.Token, "the token to join with")
	f.StringVar(&s.Token, "discovery-token", s.Token, "as --token")
	f.StringSliceVar(&s.CACertPins, "discovery-token-ca-cert-hash", nil, "hash of the cluster's authority: sha256:<hex>")
	f.BoolVar(&s.TrustAnyone, "discovery-token-unsafe-skip-ca-verification", false, "trust whoever knows the token")
	f.StringVar(&s.Address, "node-ip", s.Address, "the node's address; default: the one towards the default route")
	return cmd
}

// apply puts what a file says of joining into the settings.
func (s *JoinSettings) apply(c *configFile) {
	j := c.join
	if j == nil {
		return
	}
	j.NodeRegistration.apply(s.Settings)
	if b := j.Discovery.BootstrapToken; b != nil {
		set(&s.Token, b.Token)
		set(&s.Endpoint, b.APIServerEndpoint)
		s.CACertPins = append(s.CACertPins, b.CACertHashes...)
		s.TrustAnyone = s.TrustAnyone || b.UnsafeSkipCAVerification
	}
	set(&s.Token, j.Discovery.TLSBootstrapToken)
	s.Skip = append(s.Skip, j.SkipPhases...)
}

func newReset() *cobra.Command {
	s := NewSettings()
	force := false
	cmd := &cobra.Command{
		Use: "reset", Short: "Undoes what init or join did to this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.Complete(); err != nil {
				return err
			}
			if !force && s.IsMachine() {
				return errors.New("this ends all pods of this machine and deletes the cluster's data on it: say --force")
			}
			return Reset(cmd.Context(), s.Layout, s.Bin, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	addRoot(f, &s.Layout)
	f.StringVar(&s.Bin, "bin", s.Bin, "folder of the programs")
	f.BoolVarP(&force, "force", "f", false, "don't ask")
	return cmd
}

func newStart() *cobra.Command {
	l := Layout{}
	cmd := &cobra.Command{
		Use: "start", Short: "Starts the programs of a node again, where there is no systemd that does it at boot", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.restart(cmd.Context()) },
	}
	addRoot(cmd.Flags(), &l)
	return cmd
}

func newToken() *cobra.Command {
	l, file := Layout{}, ""
	cmd := &cobra.Command{Use: "token", Short: "Manages the tokens that nodes join with"}
	addRoot(cmd.PersistentFlags(), &l)
	cmd.PersistentFlags().StringVar(&file, "kubeconfig", "", "whom to be to the API server (default <root>/etc/kubernetes/admin.conf)")
	config := func() string {
		if file == "" {
			return l.Kubeconfig("admin.conf")
		}
		return file
	}
	cmd.AddCommand(newTokenCreate(config, &l),
		&cobra.Command{Use: "list", Short: "Lists the tokens", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := clientOf(config())
			if err != nil {
				return err
			}
			return listTokens(cmd.Context(), client, cmd.OutOrStdout(), time.Now())
		}},
		&cobra.Command{Use: "delete TOKEN...", Short: "Deletes tokens", Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, tokens []string) error {
			client, _, err := clientOf(config())
			if err != nil {
				return err
			}
			for _, t := range tokens {
				if err := deleteToken(cmd.Context(), client, t); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "bootstrap token %q deleted\n", t)
			}
			return nil
		}},
		&cobra.Command{Use: "generate", Short: "Prints a token that no cluster knows", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := bootstraputil.GenerateBootstrapToken()
			fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		}})
	return cmd
}

func newTokenCreate(config func() string, l *Layout) *cobra.Command {
	var ttl time.Duration
	var description string
	var join bool
	cmd := &cobra.Command{Use: "create [TOKEN]", Short: "Creates a token", Args: cobra.MaximumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		token, err := bootstraputil.GenerateBootstrapToken()
		if len(args) > 0 {
			token = args[0]
		}
		if err != nil {
			return err
		}
		if !bootstraputil.IsValidBootstrapToken(token) {
			return fmt.Errorf("%q is no token: six, a dot, and sixteen lower case letters and digits", token)
		}
		client, rest, err := clientOf(config())
		if err != nil {
			return err
		}
		if err := createToken(cmd.Context(), client, token, description, ttl); err != nil {
			return err
		}
		if !join {
			fmt.Fprintln(cmd.OutOrStdout(), token)
			return nil
		}
		ca, err := pki.Read(l.In(pkiDir), "ca")
		if err != nil || ca == nil {
			return fmt.Errorf("--print-join-command needs %s/ca.crt: %w", l.In(pkiDir), errors.Join(err, os.ErrNotExist))
		}
		s := &Settings{ControlPlaneEndpoint: hostOf(rest.Host), Token: token}
		fmt.Fprintln(cmd.OutOrStdout(), s.joinCommand(ca.Cert))
		return nil
	}}
	f := cmd.Flags()
	f.DurationVar(&ttl, "ttl", 24*time.Hour, "how long the token is good for; 0 for ever")
	f.StringVar(&description, "description", "", "what the token is for")
	f.BoolVar(&join, "print-join-command", false, "print the command that joins a node with the token")
	return cmd
}

func newCerts() *cobra.Command {
	l := Layout{}
	cmd := &cobra.Command{Use: "certs", Short: "Shows the cluster's certificates"}
	addRoot(cmd.PersistentFlags(), &l)
	cmd.AddCommand(&cobra.Command{Use: "check-expiration", Short: "Says until when certificates are good", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return expirations(l, cmd.OutOrStdout(), time.Now())
	}})
	return cmd
}

func newUnits() *cobra.Command {
	s := NewSettings()
	cmd := &cobra.Command{
		Use: "units", Short: "Writes the units of a control plane that is set up by hand, and starts nothing", Args: cobra.NoArgs,
		Long: "Writes etcd.service, kube-apiserver.service, kube-controller-manager.service, kube-scheduler.service, and those of the node: the runtime's and\n" +
			"kubelet.service. They want the certificates and kubeconfigs that `kubeadm init` makes; `kubeadm init --static-pods=false` does all of it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.Complete(); err != nil {
				return err
			}
			if err := errors.Join(s.WriteProgramUnits(allPrograms()...), s.node().WriteUnits()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "units are in %s\n", s.In(unitsDir))
			return nil
		},
	}
	addNodeFlags(cmd.Flags(), s)
	addClusterFlags(cmd.Flags(), s)
	return cmd
}

// newSupervise is what Start runs where there is no systemd.
func newSupervise() *cobra.Command {
	l := Layout{}
	cmd := &cobra.Command{
		Use: "supervise UNIT...", Short: "Keeps units running until it is told to end", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			units, err := unit.Read(l.In(unitsDir), names...)
			if err != nil {
				return err
			}
			return l.supervisor().Run(cmd.Context(), units)
		},
	}
	addRoot(cmd.Flags(), &l)
	return cmd
}

func newVersion() *cobra.Command {
	var short string
	cmd := &cobra.Command{Use: "version", Short: "Prints the version", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		v := version.Get()
		switch short {
		case "short":
			fmt.Fprintln(cmd.OutOrStdout(), v.GitVersion)
		case "":
			fmt.Fprintf(cmd.OutOrStdout(), "kubeadm version: %#v\n", v)
		default:
			return fmt.Errorf("--output: %q is not supported, only short", short)
		}
		return nil
	}}
	cmd.Flags().StringVarP(&short, "output", "o", "", "short, or nothing")
	return cmd
}

// Context ends when a signal asks for it.
func Context() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
