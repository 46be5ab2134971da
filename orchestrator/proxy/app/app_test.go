package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/orchestrator/proxy"
)

// parsed are the options of a command line.
func parsed(t *testing.T, args ...string) (*Options, error) {
	t.Helper()
	o := NewOptions()
	all := pflag.NewFlagSet("test", pflag.ContinueOnError)
	for _, set := range o.Flags().FlagSets {
		all.AddFlagSet(set)
	}
	require.NoError(t, all.Parse(args))
	return o, o.Complete(all)
}

func configFile(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "config.conf")
	require.NoError(t, os.WriteFile(file, []byte("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"+text), 0o600))
	return file
}

func TestDefaults(t *testing.T) {
	o, err := parsed(t)
	require.NoError(t, err)
	require.NoError(t, o.Validate())
	require.Equal(t, "nftables", o.mode())
	sync, least := o.periods()
	require.Equal(t, []time.Duration{30 * time.Second, time.Second}, []time.Duration{sync, least})
	sites, err := o.sites()
	require.NoError(t, err)
	require.Equal(t, proxy.SiteOptions{NodePortAddresses: []string{"primary"}, MasqueradeBit: 14}, sites)

	o, err = parsed(t, "--proxy-mode=iptables", "--masquerade-all", "--bind-address=1.2.3.4")
	require.NoError(t, err)
	sites, err = o.sites()
	require.NoError(t, err)
	require.True(t, sites.LocalhostNodePorts && sites.MasqueradeAll)
	require.Nil(t, sites.NodePortAddresses)
	require.Equal(t, "1.2.3.4", sites.NodeIPs[0].String())
}

func TestConfigurationFile(t *testing.T) {
	file := configFile(t, `
clientConnection: {kubeconfig: /var/lib/kube-proxy/kubeconfig.conf}
clusterCIDR: 10.244.0.0/16
mode: iptables
iptables: {syncPeriod: 7s, masqueradeBit: 3}
nodePortAddresses: [10.0.0.0/8]
conntrack: {tcpEstablishedTimeout: null}
`)
	o, err := parsed(t, "--config="+file, "--hostname-override=node1")
	require.NoError(t, err)
	require.NoError(t, o.Validate())
	c := &o.Config
	require.Equal(t, "node1", c.HostnameOverride)
	require.Equal(t, "/var/lib/kube-proxy/kubeconfig.conf", c.ClientConnection.Kubeconfig)
	require.Equal(t, int32(3), *c.IPTables.MasqueradeBit)
	sync, least := o.periods()
	require.Equal(t, []time.Duration{7 * time.Second, time.Second}, []time.Duration{sync, least}, "what isn't said has its default")
	require.NotContains(t, o.sysctls(), "netfilter/nf_conntrack_tcp_timeout_established")

	o, err = parsed(t, "--config="+file, "--proxy-mode=nftables", "--nodeport-addresses=11.0.0.0/8,primary", "--iptables-masquerade-bit=5")
	require.NoError(t, err)
	require.Equal(t, "nftables", o.mode(), "flags go before the file")
	require.Equal(t, []string{"11.0.0.0/8", "primary"}, o.Config.NodePortAddresses)
	require.Equal(t, int32(5), *o.Config.IPTables.MasqueradeBit)

	for text, says := range map[string]string{
		"clusterCidr: x":                 "clusterCidr",
		"mode: [":                        "yaml",
		"clusterCIDR: a\nclusterCIDR: b": "already",
		"iptables: {x: true}":            "x",
	} {
		_, err := parsed(t, "--config="+configFile(t, text))
		require.ErrorContains(t, err, says, text)
	}
	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.WriteFile(other, []byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"), 0o600))
	_, err = parsed(t, "--config="+other)
	require.ErrorContains(t, err, "KubeletConfiguration")
	_, err = parsed(t, "--config=/nonexistent")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	for arg, says := range map[string]string{
		"--proxy-mode=ipvs":                    `"ipvs" isn't supported`,
		"--cluster-cidr=10.0.0.0/8,11.0.0.0/8": "two of one family",
		"--cluster-cidr=x":                     "clusterCIDR",
		"--bind-address=x":                     "bindAddress",
		"--healthz-bind-address=x":             "healthzBindAddress",
		"--nodeport-addresses=x":               "nodePortAddresses",
		"--iptables-masquerade-bit=32":         "masqueradeBit",
		"--nftables-sync-period=0":             "sync period",
		"--iptables-min-sync-period=1h":        "sync period",
		"--detect-local-mode=x":                "detectLocalMode",
		"--detect-local-mode=BridgeInterface":  "bridgeInterface",
		"--pod-interface-name-prefix=a b":      "", // not in use
		"--config-sync-period=0":               "configSyncPeriod",
		"--oom-score-adj=-1001":                "oomScoreAdj",
	} {
		o, err := parsed(t, arg)
		require.NoError(t, err)
		if says == "" {
			require.NoError(t, o.Validate(), arg)
			continue
		}
		require.ErrorContains(t, o.Validate(), says, arg)
	}
	o, err := parsed(t, "--config="+configFile(t, "oomScoreAdj: null\nnftables: {masqueradeBit: null}\niptables: {localhostNodePorts: null}"))
	require.NoError(t, err)
	require.ErrorContains(t, o.Validate(), "oomScoreAdj")
	require.ErrorContains(t, o.Validate(), "nftables.masqueradeBit")
}

func TestConfigurationIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "written")
	o, err := parsed(t, "--cluster-cidr=10.0.0.0/8", "--write-config-to="+file)
	require.NoError(t, err)
	require.NoError(t, o.act(t.Context()))
	again, err := parsed(t, "--config="+file)
	require.NoError(t, err)
	require.NoError(t, again.Validate())
	require.Equal(t, o.Config, again.Config)
}
