package kubelet

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	nodeutil "k8s.io/component-helpers/node/util"
)

// Options are the kubelet's flags, and its configuration, which a file can give, too; a flag that is set counts more than the file.
type Options struct {
	Kubeconfig, BootstrapKubeconfig string
	ConfigFile                      string
	RootDir, CertDir                string
	HostnameOverride                string
	NodeIP                          string
	NodeLabels                      map[string]string

	CNIConfDir, CNIDataDir string // where a node that makes its own pod network writes the runtime's configuration
	Masquerade             bool
	PodNetwork             bool

	Config *Config
	Logs   *logs.Options
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	return &Options{
		RootDir: "/var/lib/kubelet", CertDir: "/var/lib/kubelet/pki", CNIConfDir: "/etc/cni/net.d", PodNetwork: true,
		NodeLabels: map[string]string{}, Config: NewConfig(), Logs: logs.NewOptions(),
	}
}

// AddFlags adds the flags, which have upstream's names.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	c := o.Config
	fs.StringVar(&o.ConfigFile, "config", o.ConfigFile, "file of kind KubeletConfiguration; flags that are set count more")
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "how to reach the API server; without it the kubelet stands alone and runs static pods")
	fs.StringVar(&o.BootstrapKubeconfig, "bootstrap-kubeconfig", o.BootstrapKubeconfig,
		"how to get a client certificate if the file of --kubeconfig doesn't exist, which is then written")
	fs.StringVar(&o.RootDir, "root-dir", o.RootDir, "folder of the kubelet's files: volumes, above all")
	fs.StringVar(&o.CertDir, "cert-dir", o.CertDir, "folder of certificates that the kubelet makes or is given")
	fs.StringVar(&o.HostnameOverride, "hostname-override", o.HostnameOverride, "name of the node in place of the host's")
	fs.StringVar(&o.NodeIP, "node-ip", o.NodeIP, "address of the node, or one of each family; empty: that of the default route's interface")
	fs.Var(cliflag.NewMapStringString(&o.NodeLabels), "node-labels", "labels that the node gets: a=b,c=d")
	fs.Var(&taints{&c.RegisterWithTaints}, "register-with-taints", "taints that a new node gets: key=value:effect,…")
	fs.BoolVar(c.RegisterNode, "register-node", *c.RegisterNode, "register the node with the API server")
	fs.StringVar(&c.ContainerRuntimeEndpoint, "container-runtime-endpoint", c.ContainerRuntimeEndpoint, "CRI socket of the runtime")
	fs.StringVar(&c.ImageServiceEndpoint, "image-service-endpoint", c.ImageServiceEndpoint, "CRI socket for images; empty: the runtime's")
	fs.StringVar(&c.StaticPodPath, "pod-manifest-path", c.StaticPodPath, "folder of static pods")
	fs.StringVar(&c.PodLogsDir, "pod-logs-dir", c.PodLogsDir, "folder of pods' logs")
	fs.StringSliceVar(&c.ClusterDNS, "cluster-dns", c.ClusterDNS, "addresses of the cluster's DNS")
	fs.StringVar(&c.ClusterDomain, "cluster-domain", c.ClusterDomain, "domain of the cluster")
	fs.StringVar(c.ResolverConfig, "resolv-conf", *c.ResolverConfig, "the node's resolver file; empty: none")
	fs.StringVar(&c.PodCIDR, "pod-cidr", c.PodCIDR, "range of pods' addresses, if the kubelet stands alone")
	fs.StringVar(&c.CgroupRoot, "cgroup-root", c.CgroupRoot, "cgroup below which those of pods are made")
	fs.Int32Var(&c.MaxPods, "max-pods", c.MaxPods, "most pods on this node")
	fs.StringVar(&c.Address, "address", c.Address, "address to serve on")
	fs.Int32Var(&c.Port, "port", c.Port, "port to serve on; logs, exec and the like")
	fs.Int32Var(&c.ReadOnlyPort, "read-only-port", c.ReadOnlyPort, "port without authentication, for metrics and pods; 0: none")
	fs.Int32Var(c.HealthzPort, "healthz-port", *c.HealthzPort, "port of /healthz on loopback; 0: none")
	fs.StringVar(&c.HealthzBindAddress, "healthz-bind-address", c.HealthzBindAddress, "address of /healthz")
	fs.StringVar(&c.TLSCertFile, "tls-cert-file", c.TLSCertFile, "certificate to serve with; empty: one is made in --cert-dir")
	fs.StringVar(&c.TLSPrivateKeyFile, "tls-private-key-file", c.TLSPrivateKeyFile, "its key")
	fs.StringVar(&c.Authentication.X509.ClientCAFile, "client-ca-file", c.Authentication.X509.ClientCAFile, "authorities of clients' certificates")
	fs.BoolVar(c.Authentication.Anonymous.Enabled, "anonymous-auth", *c.Authentication.Anonymous.Enabled, "let clients without credentials in as system:anonymous")
	fs.BoolVar(c.Authentication.Webhook.Enabled, "authentication-token-webhook", *c.Authentication.Webhook.Enabled, "ask the API server whose a bearer token is")
	fs.StringVar((*string)(&c.Authorization.Mode), "authorization-mode", string(c.Authorization.Mode), "Webhook or AlwaysAllow")
	fs.BoolVar(&c.RotateCertificates, "rotate-certificates", c.RotateCertificates, "get a new client certificate before the old one ends")
	fs.DurationVar(&c.SyncFrequency.Duration, "sync-frequency", c.SyncFrequency.Duration, "how often a pod is looked at though nothing happened")
	fs.DurationVar(&c.NodeStatusUpdateFrequency.Duration, "node-status-update-frequency", c.NodeStatusUpdateFrequency.Duration, "how often the node's status is looked at")
	fs.BoolVar(c.SerializeImagePulls, "serialize-image-pulls", *c.SerializeImagePulls, "pull one image at a time")
	fs.BoolVar(c.CPUCFSQuota, "cpu-cfs-quota", *c.CPUCFSQuota, "enforce limits of CPU")
	fs.Var(cliflag.NewLangleSeparatedMapStringString(&c.EvictionHard), "eviction-hard", "what must be free at least: memory.available<100Mi,nodefs.available<10%,…")
	fs.StringVar(&c.ContainerLogMaxSize, "container-log-max-size", c.ContainerLogMaxSize, "size at which a container's log is rotated")
	fs.Int32Var(c.ContainerLogMaxFiles, "container-log-max-files", *c.ContainerLogMaxFiles, "how many files of a container's log are kept")
	fs.BoolVar(c.FailSwapOn, "fail-swap-on", *c.FailSwapOn, "refuse to start on a node with swap")
	fs.BoolVar(c.SeccompDefault, "seccomp-default", *c.SeccompDefault, "the runtime's seccomp profile for pods that don't say")
	fs.BoolVar(&o.PodNetwork, "pod-network", o.PodNetwork, "connect the node's pods with those of other nodes: CNI configuration and routes (not upstream's)")
	fs.StringVar(&o.CNIConfDir, "cni-conf-dir", o.CNIConfDir, "where the CNI configuration is written; empty: the runtime makes its own network")
	fs.StringVar(&o.CNIDataDir, "cni-data-dir", o.CNIDataDir, "where CNI's host-local keeps addresses; empty: its default (not upstream's)")
	fs.BoolVar(&o.Masquerade, "pod-masquerade", o.Masquerade, "pods' packets out of the cluster get the node's address (not upstream's)")
}

// Validate says what of the options can't be.
func (o *Options) Validate() error {
	c := o.Config
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.BootstrapKubeconfig != "" && o.Kubeconfig == "" {
		fail("--bootstrap-kubeconfig needs --kubeconfig: the file to write")
	}
	if !filepath.IsAbs(o.RootDir) {
		fail("--root-dir must be an absolute path, not %q", o.RootDir)
	}
	if c.StaticPodPath != "" && !filepath.IsAbs(c.StaticPodPath) {
		fail("staticPodPath must be an absolute path, not %q", c.StaticPodPath)
	}
	if o.HostnameOverride != "" {
		for _, why := range validation.IsDNS1123Subdomain(strings.ToLower(o.HostnameOverride)) {
			fail("--hostname-override: %s", why)
		}
	}
	if _, invalid, err := nodeutil.ParseNodeIPArgument(o.NodeIP, ""); err != nil {
		fail("--node-ip: %w", err)
	} else if len(invalid) > 0 {
		fail("--node-ip: %q is no address", invalid)
	}
	for key, value := range o.NodeLabels {
		for _, why := range append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...) {
			fail("--node-labels: %s=%s: %s", key, value, why)
		}
	}
	for _, ip := range c.ClusterDNS {
		if net.ParseIP(ip) == nil {
			fail("clusterDNS: %q is no address", ip)
		}
	}
	if (c.TLSCertFile == "") != (c.TLSPrivateKeyFile == "") {
		fail("tlsCertFile and tlsPrivateKeyFile need each other")
	}
	if !slices.Contains([]string{"Webhook", "AlwaysAllow"}, string(c.Authorization.Mode)) {
		fail("authorization mode %q: it is Webhook or AlwaysAllow", c.Authorization.Mode)
	}
	if size, err := resource.ParseQuantity(c.ContainerLogMaxSize); err != nil || size.Value() <= 0 {
		fail("containerLogMaxSize %q isn't a size", c.ContainerLogMaxSize)
	}
	if *c.ContainerLogMaxFiles < 2 {
		fail("containerLogMaxFiles must be 2 at least")
	}
	if c.MaxPods < 0 {
		fail("maxPods must not be negative")
	}
	if c.NodeLeaseDurationSeconds <= 0 {
		fail("nodeLeaseDurationSeconds must be positive")
	}
	if *c.ImageGCLowThresholdPercent >= *c.ImageGCHighThresholdPercent || *c.ImageGCHighThresholdPercent > 100 {
		fail("imageGCLowThresholdPercent must be below imageGCHighThresholdPercent, and that at most 100")
	}
	return errors.Join(append(errs, refused(c)...)...)
}

// taints is the flag of taints.
type taints struct{ list *[]v1.Taint }

// String is what the flag would be written as.
func (t *taints) String() string {
	if t.list == nil {
		return ""
	}
	var out []string
	for _, taint := range *t.list {
		out = append(out, taint.ToString())
	}
	return strings.Join(out, ",")
}

// Type implements pflag.Value.
func (t *taints) Type() string { return "key=value:effect" }

// Set implements pflag.Value.
func (t *taints) Set(text string) error {
	*t.list = nil
	for _, one := range strings.Split(text, ",") {
		if one == "" {
			continue
		}
		rest, effect, found := strings.Cut(one, ":")
		if !found || !slices.Contains([]v1.TaintEffect{v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute}, v1.TaintEffect(effect)) {
			return fmt.Errorf("taint %q: it is key=value:NoSchedule, :PreferNoSchedule or :NoExecute", one)
		}
		key, value, _ := strings.Cut(rest, "=")
		if why := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(why) > 0 {
			return fmt.Errorf("taint %q: %s", one, strings.Join(why, "; "))
		}
		*t.list = append(*t.list, v1.Taint{Key: key, Value: value, Effect: v1.TaintEffect(effect)})
	}
	return nil
}
