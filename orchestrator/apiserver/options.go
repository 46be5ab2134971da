package apiserver

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/sets"
	genericadmission "k8s.io/apiserver/pkg/admission"
	admissionmetrics "k8s.io/apiserver/pkg/admission/metrics"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/petcd/petcd/orchestrator/apiserver/admission"
)

// Options are the flags of kube-apiserver, by upstream's names.
type Options struct {
	Server    *genericoptions.ServerRunOptions
	Serving   *genericoptions.SecureServingOptionsWithLoopback
	Etcd      *genericoptions.EtcdOptions
	Audit     *genericoptions.AuditOptions
	Features  *genericoptions.FeatureOptions
	Admission *genericoptions.AdmissionOptions
	Logs      *logs.Options

	Authentication AuthenticationOptions
	Modes          []string // of authorization, in order

	ServiceRanges prefixes
	NodePorts     utilnet.PortRange
	EventTTL      time.Duration

	Kubelet KubeletFlags
}

// AuthenticationOptions say whom the apiserver believes.
type AuthenticationOptions struct {
	Anonymous      bool
	ClientCAFile   string
	TokenFile      string
	BootstrapToken bool

	Issuers        []string // the first signs
	Audiences      []string
	KeyFiles       []string // that verify tokens of accounts
	SigningKeyFile string
	TokenMax       time.Duration

	RequestHeader genericoptions.RequestHeaderAuthenticationOptions
}

// KubeletFlags say how kubelets are reached.
type KubeletFlags struct {
	CertFile, KeyFile, CAFile string
	AddressTypes              []string
}

// NewOptions returns upstream's defaults.
func NewOptions() *Options {
	o := &Options{
		Server:        genericoptions.NewServerRunOptions(),
		Serving:       genericoptions.NewSecureServingOptions().WithLoopback(),
		Etcd:          genericoptions.NewEtcdOptions(storagebackend.NewDefaultConfig("/registry", nil)),
		Audit:         genericoptions.NewAuditOptions(),
		Features:      genericoptions.NewFeatureOptions(),
		Logs:          logs.NewOptions(),
		Modes:         []string{"AlwaysAllow"},
		ServiceRanges: prefixes{netip.MustParsePrefix("10.0.0.0/24")},
		NodePorts:     utilnet.PortRange{Base: 30000, Size: 2768},
		EventTTL:      time.Hour,
		Authentication: AuthenticationOptions{
			Anonymous: true, RequestHeader: genericoptions.RequestHeaderAuthenticationOptions{},
		},
		Kubelet: KubeletFlags{AddressTypes: []string{
			string(corev1.NodeHostName), string(corev1.NodeInternalDNS), string(corev1.NodeInternalIP), string(corev1.NodeExternalDNS), string(corev1.NodeExternalIP),
		}},
		Admission: &genericoptions.AdmissionOptions{
			Plugins:                genericadmission.NewPlugins(),
			Decorators:             genericadmission.Decorators{genericadmission.DecoratorFunc(admissionmetrics.WithControllerMetrics)},
			RecommendedPluginOrder: admission.Order(),
			DefaultOffPlugins:      sets.New(admission.DefaultOff()...),
		},
	}
	admission.Register(o.Admission.Plugins)
	o.Etcd.DefaultStorageMediaType = runtime.ContentTypeProtobuf
	o.Serving.BindPort = 6443
	o.Serving.ServerCert.CertDirectory = "/var/run/kubernetes"
	o.Serving.ServerCert.PairName = "apiserver"
	o.Features.EnablePriorityAndFairness = false
	return o
}

// Flags are all flags, in named sets.
func (o *Options) Flags() (all flag.NamedFlagSets) {
	o.Server.AddUniversalFlags(all.FlagSet("generic"))
	o.Etcd.AddFlags(all.FlagSet("etcd"))
	o.Serving.AddFlags(all.FlagSet("secure serving"))
	o.Audit.AddFlags(all.FlagSet("auditing"))
	o.Admission.AddFlags(all.FlagSet("admission"))
	o.Authentication.addFlags(all.FlagSet("authentication"))
	logsapi.AddFlags(o.Logs, all.FlagSet("logs"))

	features := all.FlagSet("features")
	features.BoolVar(&o.Features.EnableProfiling, "profiling", o.Features.EnableProfiling, "Serve profiles at /debug/pprof/.")
	all.FlagSet("authorization").StringSliceVar(&o.Modes, "authorization-mode", o.Modes,
		"Who decides what a user may do, in order: AlwaysAllow, AlwaysDeny, Node, RBAC.")

	f := all.FlagSet("misc")
	f.Var(&o.ServiceRanges, "service-cluster-ip-range", "One range of addresses for Services, or one of IPv4 and one of IPv6.")
	f.Var(&o.NodePorts, "service-node-port-range", "The ports that Services may have on every node, both ends included.")
	f.DurationVar(&o.EventTTL, "event-ttl", o.EventTTL, "How long events are kept; 0 is for ever.")
	f.StringVar(&o.Kubelet.CertFile, "kubelet-client-certificate", o.Kubelet.CertFile, "The apiserver's client certificate for kubelets.")
	f.StringVar(&o.Kubelet.KeyFile, "kubelet-client-key", o.Kubelet.KeyFile, "The key of --kubelet-client-certificate.")
	f.StringVar(&o.Kubelet.CAFile, "kubelet-certificate-authority", o.Kubelet.CAFile, "Who signs the kubelets' certificates. Without it they are not checked.")
	f.StringSliceVar(&o.Kubelet.AddressTypes, "kubelet-preferred-address-types", o.Kubelet.AddressTypes, "Which address of a node to use, in order.")
	f.Bool("allow-privileged", true, "Privileged containers are always allowed; accepted for upstream's command lines.")
	return all
}

func (o *AuthenticationOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.Anonymous, "anonymous-auth", o.Anonymous, "Let requests without credentials in, as system:anonymous.")
	f.StringVar(&o.ClientCAFile, "client-ca-file", o.ClientCAFile, "Believe client certificates that these authorities signed.")
	f.StringVar(&o.TokenFile, "token-auth-file", o.TokenFile, `Believe the bearer tokens of this file: token,user,uid,"group1,group2".`)
	f.BoolVar(&o.BootstrapToken, "enable-bootstrap-token-auth", o.BootstrapToken, "Believe the bootstrap tokens in secrets of kube-system.")
	f.StringSliceVar(&o.Issuers, "service-account-issuer", o.Issuers, "The issuer of tokens of accounts; further ones are believed, too.")
	f.StringSliceVar(&o.Audiences, "api-audiences", o.Audiences, "Whom tokens must be meant for. Default: the issuer.")
	f.StringSliceVar(&o.KeyFiles, "service-account-key-file", o.KeyFiles, "Keys that verify tokens of accounts, PEM.")
	f.StringVar(&o.SigningKeyFile, "service-account-signing-key-file", o.SigningKeyFile, "The key that signs tokens of accounts, PEM.")
	f.DurationVar(&o.TokenMax, "service-account-max-token-expiration", o.TokenMax, "No token of an account lives longer.")
	o.RequestHeader.AddFlags(f)
}

// Validate says all that is wrong with the flags.
func (o *Options) Validate() error {
	var errs []error
	errs = append(errs, o.Server.Validate()...)
	errs = append(errs, o.Etcd.Validate()...)
	errs = append(errs, o.Serving.Validate()...)
	errs = append(errs, o.Audit.Validate()...)
	errs = append(errs, o.Features.Validate()...)
	errs = append(errs, o.Admission.Validate()...)
	errs = append(errs, o.Authentication.RequestHeader.Validate()...)
	if len(o.Authentication.Issuers) == 0 || o.Authentication.SigningKeyFile == "" {
		errs = append(errs, errors.New("--service-account-issuer and --service-account-signing-key-file are required"))
	}
	if o.EventTTL < 0 {
		errs = append(errs, fmt.Errorf("--event-ttl must not be negative: %v", o.EventTTL))
	}
	_, err := o.services(nil) // nothing is given out before the server runs
	return errors.Join(append(errs, err)...)
}
