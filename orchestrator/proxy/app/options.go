package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	config "k8s.io/kube-proxy/config/v1alpha1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/petcd/petcd/orchestrator/proxy"
)

// The modes, by upstream's names.
const (
	modeNFTables = "nftables"
	modeIPTables = "iptables"
)

// Options are the flags of kube-proxy, by upstream's names.
type Options struct {
	Config config.KubeProxyConfiguration

	File     string // --config
	Master   string
	Cleanup  bool
	InitOnly bool
	WriteTo  string // --write-config-to
}

// NewOptions returns upstream's defaults; the mode is nftables.
func NewOptions() *Options {
	o := &Options{}
	o.Config.Logging = *logsapi.NewLoggingConfiguration()
	c := &o.Config
	c.APIVersion, c.Kind = config.SchemeGroupVersion.String(), "KubeProxyConfiguration"
	c.ClientConnection.QPS, c.ClientConnection.Burst, c.ClientConnection.ContentType = 5, 10, runtime.ContentTypeProtobuf
	c.BindAddress = "0.0.0.0"
	c.IPTables.MasqueradeBit, c.NFTables.MasqueradeBit = ptr.To[int32](14), ptr.To[int32](14)
	c.IPTables.LocalhostNodePorts = ptr.To(true)
	for _, d := range []*metav1.Duration{&c.IPTables.SyncPeriod, &c.NFTables.SyncPeriod} {
		d.Duration = 30 * time.Second
	}
	for _, d := range []*metav1.Duration{&c.IPTables.MinSyncPeriod, &c.NFTables.MinSyncPeriod} {
		d.Duration = time.Second
	}
	c.ConfigSyncPeriod.Duration = 15 * time.Minute
	c.OOMScoreAdj = ptr.To[int32](-999)
	c.Conntrack.MaxPerCore, c.Conntrack.Min = ptr.To[int32](32*1024), ptr.To[int32](128*1024)
	c.Conntrack.TCPEstablishedTimeout = &metav1.Duration{Duration: 24 * time.Hour}
	c.Conntrack.TCPCloseWaitTimeout = &metav1.Duration{Duration: time.Hour}
	return o
}

// Flags are all flags, in named sets.
func (o *Options) Flags() (all cliflag.NamedFlagSets) {
	c := &o.Config
	f := all.FlagSet("generic")
	f.StringVar(&o.File, "config", o.File,
		"A file with a KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1. Flags that are given go before it.")
	f.StringVar(&o.WriteTo, "write-config-to", o.WriteTo, "Write the configuration to this file and exit.")
	f.BoolVar(&o.Cleanup, "cleanup", o.Cleanup, "Remove all rules of kube-proxy, of each mode, and exit.")
	f.BoolVar(&o.InitOnly, "init-only", o.InitOnly, "Set up the system as far as that takes full privileges, and exit.")
	f.StringVar(&o.Master, "master", o.Master, "The apiserver's address, in place of the one in the kubeconfig.")
	f.StringVar(&c.ClientConnection.Kubeconfig, "kubeconfig", "",
		"The file that says where the apiserver is and whom it knows this process as. Within a pod it may be left out.")
	f.Float32Var(&c.ClientConnection.QPS, "kube-api-qps", c.ClientConnection.QPS, "Requests per second to the apiserver.")
	f.Int32Var(&c.ClientConnection.Burst, "kube-api-burst", c.ClientConnection.Burst, "How many requests may exceed --kube-api-qps at a time.")
	f.StringVar(&c.ClientConnection.ContentType, "kube-api-content-type", c.ClientConnection.ContentType,
		"In what form objects are asked for.")
	f.StringVar(&c.HostnameOverride, "hostname-override", "", "The name of the Node that this runs on; if empty, the host's name.")
	f.StringVar(&c.BindAddress, "bind-address", c.BindAddress,
		"The node's primary address, if it isn't to be that of the Node object; no socket is bound to it.")
	f.StringVar(&c.HealthzBindAddress, "healthz-bind-address", "",
		"Where /healthz and /livez are served; if empty, on port 10256 of all addresses.")
	f.StringVar(&c.MetricsBindAddress, "metrics-bind-address", "",
		"Where /metrics and /proxyMode are served; if empty, on port 10249 of loopback.")
	f.BoolVar(&c.BindAddressHardFail, "bind-address-hard-fail", c.BindAddressHardFail,
		"End if a port can't be bound, in place of trying again.")
	f.BoolVar(&c.EnableProfiling, "profiling", c.EnableProfiling, "Serve /debug/pprof beside /metrics.")
	f.DurationVar(&c.ConfigSyncPeriod.Duration, "config-sync-period", c.ConfigSyncPeriod.Duration,
		"How often all that is watched is looked at again.")
	f.Int32Var(c.OOMScoreAdj, "oom-score-adj", *c.OOMScoreAdj,
		"The process' oom_score_adj, from -1000 to 1000; left alone if it may not be set.")
	f.Var(cliflag.NewMapStringBool(&c.FeatureGates), "feature-gates", "Accepted for upstream's command lines, without effect: there are none.")
	o.addRuleFlags(&all)
	logsapi.AddFlags(&c.Logging, all.FlagSet("logs"))
	return all
}

// addRuleFlags adds those that say how rules are made.
func (o *Options) addRuleFlags(all *cliflag.NamedFlagSets) {
	c := &o.Config
	f := all.FlagSet("rules")
	f.StringVar((*string)(&c.Mode), "proxy-mode", modeNFTables, "How rules are made: nftables or iptables.")
	f.StringVar(&c.ClusterCIDR, "cluster-cidr", "",
		"The range of the cluster's pods, or two of both families with a comma; what isn't from there is masqueraded.")
	f.StringVar((*string)(&c.DetectLocalMode), "detect-local-mode", "",
		"How pods' traffic is told from others': ClusterCIDR (the default), NodeCIDR, BridgeInterface, InterfaceNamePrefix.")
	f.StringVar(&c.DetectLocal.BridgeInterface, "pod-bridge-interface", "", "The bridge of --detect-local-mode=BridgeInterface.")
	f.StringVar(&c.DetectLocal.InterfaceNamePrefix, "pod-interface-name-prefix", "",
		"What names begin with for --detect-local-mode=InterfaceNamePrefix.")
	f.StringSliceVar(&c.NodePortAddresses, "nodeport-addresses", nil,
		"Which of the node's addresses answer node ports: prefixes, or primary (the default of nftables), localhost (iptables only), all (the default of iptables).")
	masqueradeAll := f.VarPF(&bothBools{&c.IPTables.MasqueradeAll, &c.NFTables.MasqueradeAll}, "masquerade-all", "", "Masquerade all traffic to ClusterIPs.")
	masqueradeAll.NoOptDefVal = "true"
	f.Int32Var(c.IPTables.MasqueradeBit, "iptables-masquerade-bit", *c.IPTables.MasqueradeBit,
		"The bit of packets' marks that means masquerade, from 0 to 31.")
	f.BoolVar(c.IPTables.LocalhostNodePorts, "iptables-localhost-nodeports", *c.IPTables.LocalhostNodePorts,
		"Answer node ports on 127.0.0.0/8, too.")
	f.DurationVar(&c.IPTables.SyncPeriod.Duration, "iptables-sync-period", c.IPTables.SyncPeriod.Duration, "How often the rules are checked.")
	f.DurationVar(&c.IPTables.MinSyncPeriod.Duration, "iptables-min-sync-period", c.IPTables.MinSyncPeriod.Duration,
		"The least time between two changes of the rules.")
	f.Int32Var(c.NFTables.MasqueradeBit, "nftables-masquerade-bit", *c.NFTables.MasqueradeBit, "As --iptables-masquerade-bit.")
	f.DurationVar(&c.NFTables.SyncPeriod.Duration, "nftables-sync-period", c.NFTables.SyncPeriod.Duration, "As --iptables-sync-period.")
	f.DurationVar(&c.NFTables.MinSyncPeriod.Duration, "nftables-min-sync-period", c.NFTables.MinSyncPeriod.Duration,
		"As --iptables-min-sync-period.")

	f = all.FlagSet("conntrack")
	f.Int32Var(c.Conntrack.MaxPerCore, "conntrack-max-per-core", *c.Conntrack.MaxPerCore,
		"Connections that are tracked at most, per core; 0 leaves the limit alone.")
	f.Int32Var(c.Conntrack.Min, "conntrack-min", *c.Conntrack.Min, "The least of such limits.")
	f.DurationVar(&c.Conntrack.TCPEstablishedTimeout.Duration, "conntrack-tcp-timeout-established", c.Conntrack.TCPEstablishedTimeout.Duration,
		"How long idle TCP connections are tracked; 0 leaves it alone.")
	f.DurationVar(&c.Conntrack.TCPCloseWaitTimeout.Duration, "conntrack-tcp-timeout-close-wait", c.Conntrack.TCPCloseWaitTimeout.Duration,
		"How long those in CLOSE_WAIT are; 0 leaves it alone.")
	f.BoolVar(&c.Conntrack.TCPBeLiberal, "conntrack-tcp-be-liberal", false, "Let packets through whose numbers are out of the window.")
	f.DurationVar(&c.Conntrack.UDPTimeout.Duration, "conntrack-udp-timeout", 0,
		"How long UDP flows without an answer are tracked; 0 leaves it alone.")
	f.DurationVar(&c.Conntrack.UDPStreamTimeout.Duration, "conntrack-udp-timeout-stream", 0,
		"How long those with answers are; 0 leaves it alone.")
}

// bothBools is a flag that sets the same in both modes' configurations.
type bothBools struct{ a, b *bool }

// String implements pflag.Value.
func (v *bothBools) String() string { return fmt.Sprint(v.a != nil && *v.a) }

// Type implements pflag.Value.
func (v *bothBools) Type() string { return "bool" }

// Set implements pflag.Value.
func (v *bothBools) Set(text string) error {
	switch text {
	case "true", "1", "t":
		*v.a, *v.b = true, true
	case "false", "0", "f":
		*v.a, *v.b = false, false
	default:
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

// Complete reads the file that --config names, below the flags that were given.
func (o *Options) Complete(flags *pflag.FlagSet) error {
	if o.File == "" {
		return nil
	}
	text, err := os.ReadFile(o.File)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	given := map[*pflag.Flag][]string{}
	flags.Visit(func(f *pflag.Flag) {
		given[f] = []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			given[f] = slices.Clone(list.GetSlice()) // the file may be read into the same one
		}
	})
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	if head.APIVersion != o.Config.APIVersion || head.Kind != o.Config.Kind {
		return fmt.Errorf("--config: %s holds %s, %s, not %s, %s", o.File, head.APIVersion, head.Kind, o.Config.APIVersion, o.Config.Kind)
	}
	// The file's fields land beside the defaults, in the variables that the flags have.
	fields, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return fmt.Errorf("--config: %s: %w", o.File, err)
	}
	unknown, err := json.UnmarshalStrict(fields, &o.Config)
	if err = errors.Join(append(unknown, err)...); err != nil {
		return fmt.Errorf("--config: %s: %w", o.File, err)
	}
	for f, values := range given {
		var err error
		if list, ok := f.Value.(pflag.SliceValue); ok {
			err = list.Replace(values)
		} else {
			err = f.Value.Set(values[0])
		}
		if err != nil {
			return fmt.Errorf("--%s: %w", f.Name, err)
		}
	}
	return nil
}

// Validate says all that is wrong with the configuration.
func (o *Options) Validate() error {
	c := &o.Config
	var errs []error
	if !slices.Contains([]string{modeNFTables, modeIPTables, ""}, string(c.Mode)) {
		errs = append(errs, fmt.Errorf("mode: %q isn't supported: nftables and iptables are", c.Mode))
	}
	modes := []string{"", proxy.LocalModeClusterCIDR, proxy.LocalModeNodeCIDR, proxy.LocalModeBridgeInterface, proxy.LocalModeInterfaceNamePrefix}
	if !slices.Contains(modes, string(c.DetectLocalMode)) {
		errs = append(errs, fmt.Errorf("detectLocalMode: %q is none of %s", c.DetectLocalMode, strings.Join(modes[1:], ", ")))
	}
	if c.DetectLocalMode == proxy.LocalModeBridgeInterface && !isInterface(c.DetectLocal.BridgeInterface) {
		errs = append(errs, fmt.Errorf("detectLocal.bridgeInterface: %q is no interface's name", c.DetectLocal.BridgeInterface))
	}
	if c.DetectLocalMode == proxy.LocalModeInterfaceNamePrefix && !isInterface(c.DetectLocal.InterfaceNamePrefix) {
		errs = append(errs, fmt.Errorf("detectLocal.interfaceNamePrefix: %q begins no interface's name", c.DetectLocal.InterfaceNamePrefix))
	}
	if _, err := clusterCIDRs(c.ClusterCIDR); err != nil {
		errs = append(errs, err)
	}
	if _, err := netip.ParseAddr(c.BindAddress); err != nil {
		errs = append(errs, fmt.Errorf("bindAddress: %w", err))
	}
	for name, address := range map[string]string{"healthzBindAddress": c.HealthzBindAddress, "metricsBindAddress": c.MetricsBindAddress} {
		if _, _, err := net.SplitHostPort(address); err != nil && address != "" {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	for _, a := range c.NodePortAddresses {
		if _, err := netip.ParsePrefix(a); err != nil && !slices.Contains([]string{proxy.NodePortsPrimary, proxy.NodePortsLocalhost, proxy.NodePortsAll}, a) {
			errs = append(errs, fmt.Errorf("nodePortAddresses: %q is no prefix, nor primary, localhost or all", a))
		}
	}
	errs = append(errs, positive("configSyncPeriod", c.ConfigSyncPeriod.Duration), within("oomScoreAdj", c.OOMScoreAdj, -1000, 1000),
		timing("iptables", c.IPTables.SyncPeriod.Duration, c.IPTables.MinSyncPeriod.Duration), within("iptables.masqueradeBit", c.IPTables.MasqueradeBit, 0, 31),
		timing("nftables", c.NFTables.SyncPeriod.Duration, c.NFTables.MinSyncPeriod.Duration), within("nftables.masqueradeBit", c.NFTables.MasqueradeBit, 0, 31))
	return errors.Join(errs...)
}

func isInterface(name string) bool {
	return name != "" && len(name) < 16 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == '"' || r > '~' })
}

func positive(what string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s: %v isn't more than 0", what, d)
	}
	return nil
}

func timing(mode string, sync, least time.Duration) error {
	if sync <= 0 || least < 0 || least > sync {
		return fmt.Errorf("%s: the sync period, %v, must be more than 0 and not less than the least one, %v", mode, sync, least)
	}
	return nil
}

func within(what string, n *int32, least, most int32) error {
	if n == nil || *n < least || *n > most {
		return fmt.Errorf("%s: from %d to %d", what, least, most)
	}
	return nil
}

// clusterCIDRs are the ranges of pods, at most one a family.
func clusterCIDRs(text string) ([]netip.Prefix, error) {
	if text == "" {
		return nil, nil
	}
	var all []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("clusterCIDR: %w", err)
		}
		if slices.ContainsFunc(all, func(other netip.Prefix) bool { return other.Addr().Is4() == p.Addr().Is4() }) {
			return nil, fmt.Errorf("clusterCIDR: %s has two of one family", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}
