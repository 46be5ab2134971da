package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	nodeutil "k8s.io/component-helpers/node/util"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/proxy"
	"github.com/petcd/petcd/orchestrator/proxy/conntrack"
	"github.com/petcd/petcd/orchestrator/proxy/health"
	"github.com/petcd/petcd/orchestrator/proxy/iptables"
	"github.com/petcd/petcd/orchestrator/proxy/nftables"
)

// families are both; the first one must work.
var families = []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol}

// Run keeps the node's rules until ctx ends.
func (o *Options) Run(ctx context.Context) error {
	client, err := o.client()
	if err != nil {
		return err
	}
	nodeName, err := nodeutil.GetHostname(o.Config.HostnameOverride)
	if err != nil {
		return err
	}
	o.prepare(ctx)
	rules, err := backends(ctx, o.mode())
	if err != nil {
		return err
	}
	o.forgetOtherMode(ctx)

	period, least := o.periods()
	state := health.New(ctx, clock.RealClock{}, 2*period)
	reporter, err := newReporter(state)
	if err != nil {
		return err
	}
	sites, err := o.sites()
	if err != nil {
		return err
	}
	settings := proxy.Options{
		Client: client, NodeName: nodeName, Backends: rules, Sites: sites, Reporter: reporter,
		MinSyncPeriod: least, SyncPeriod: period, Resync: o.Config.ConfigSyncPeriod.Duration,
	}
	if table, err := conntrack.New(); err != nil {
		klog.FromContext(ctx).Error(err, "UDP flows of endpoints that go will last until they time out")
	} else {
		settings.Flows = table
	}
	p, err := proxy.New(settings)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	o.serve(ctx, failed, state)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	select {
	case err = <-failed:
		cancel()
		return errors.Join(err, <-ended)
	case err = <-ended:
		return err
	}
}

// client is that of the apiserver.
func (o *Options) client() (kubernetes.Interface, error) {
	c := &o.Config.ClientConnection
	r, err := clientcmd.BuildConfigFromFlags(o.Master, c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	r.QPS, r.Burst = c.QPS, int(c.Burst)
	r.ContentType, r.AcceptContentTypes = c.ContentType, c.AcceptContentTypes
	return kubernetes.NewForConfig(rest.AddUserAgent(r, name))
}

// periods are those of the mode.
func (o *Options) periods() (sync, least time.Duration) {
	if o.Config.Mode == modeIPTables {
		return o.Config.IPTables.SyncPeriod.Duration, o.Config.IPTables.MinSyncPeriod.Duration
	}
	return o.Config.NFTables.SyncPeriod.Duration, o.Config.NFTables.MinSyncPeriod.Duration
}

// backends are those of a mode, for the families that this system can have rules of.
func backends(ctx context.Context, mode string) (map[v1.IPFamily]proxy.Backend, error) {
	all := map[v1.IPFamily]proxy.Backend{}
	watch := nftables.NewWatch()
	for _, family := range families {
		backend, err := newBackend(mode, family, watch)
		switch {
		case err == nil:
			all[family] = backend
		case family == families[0]:
			return nil, err
		default:
			klog.FromContext(ctx).Info("There will be no rules of a family", "mode", mode, "family", family, "reason", err.Error())
		}
	}
	return all, nil
}

func newBackend(mode string, family v1.IPFamily, watch *nftables.Watch) (proxy.Backend, error) {
	if family == v1.IPv6Protocol {
		if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
			return nil, fmt.Errorf("the kernel has no IPv6: %w", err)
		}
	}
	if mode == modeIPTables {
		return iptables.New(family)
	}
	return nftables.New(family, watch)
}

// forgetOtherMode removes what a run in the other mode has left: two sets of rules would contradict each other.
func (o *Options) forgetOtherMode(ctx context.Context) {
	other := modeIPTables
	if o.mode() == modeIPTables {
		other = modeNFTables
	}
	if err := cleanUp(ctx, other); err != nil {
		klog.FromContext(ctx).Error(err, "Can't remove the other mode's rules", "mode", other)
	}
}

// cleanUp removes all rules of modes. Where a mode can't be, there is nothing to remove.
func cleanUp(ctx context.Context, modes ...string) error {
	var errs []error
	for _, mode := range modes {
		all, err := backends(ctx, mode)
		if err != nil {
			klog.FromContext(ctx).V(2).Info("There can be no rules of a mode", "mode", mode, "reason", err.Error())
		}
		for family, backend := range all {
			if err := backend.Cleanup(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s, %s: %w", mode, family, err))
			}
		}
	}
	return errors.Join(errs...)
}

// sites says how rules are made.
func (o *Options) sites() (proxy.SiteOptions, error) {
	c := &o.Config
	s := proxy.SiteOptions{
		LocalMode: string(c.DetectLocalMode), Bridge: c.DetectLocal.BridgeInterface, InterfacePrefix: c.DetectLocal.InterfaceNamePrefix,
		NodePortAddresses: c.NodePortAddresses, TCPBeLiberal: c.Conntrack.TCPBeLiberal,
		MasqueradeAll: c.NFTables.MasqueradeAll, MasqueradeBit: int(*c.NFTables.MasqueradeBit),
	}
	if c.Mode == modeIPTables {
		s.MasqueradeAll, s.MasqueradeBit = c.IPTables.MasqueradeAll, int(*c.IPTables.MasqueradeBit)
		s.LocalhostNodePorts = ptr.Deref(c.IPTables.LocalhostNodePorts, true)
	} else if len(s.NodePortAddresses) == 0 {
		s.NodePortAddresses = []string{proxy.NodePortsPrimary}
	}
	var err error
	if s.ClusterCIDRs, err = clusterCIDRs(c.ClusterCIDR); err != nil {
		return s, err
	}
	if ip, err := netip.ParseAddr(c.BindAddress); err == nil && !ip.IsUnspecified() {
		s.NodeIPs = []netip.Addr{ip}
	}
	return s, nil
}
