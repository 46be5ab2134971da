package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultsAreEtcds(t *testing.T) {
	c, err := Parse(nil, nil)
	require.NoError(t, err)
	require.Equal(t, "default", c.Name)
	require.Equal(t, "default.etcd", c.DataDir)
	require.Equal(t, "http://localhost:2380", c.ListenPeerURLs[0].String())
	require.Equal(t, "http://localhost:2379", c.AdvertiseClientURLs[0].String())
	require.Equal(t, "default=http://localhost:2380", c.InitialCluster.String())
	require.Equal(t, 100*time.Millisecond, c.HeartbeatInterval)
	require.Equal(t, 10, c.ElectionTicks())
	require.Equal(t, uint(1572864), c.MaxRequestBytes)
	require.Equal(t, 7*time.Second, c.RequestTimeout())
	require.True(t, c.IsNew())
	require.NoError(t, c.VerifyBootstrap(t.Context()))
}

func TestFlagForms(t *testing.T) {
	for _, args := range [][]string{
		{"-name", "a"}, {"--name", "a"}, {"-name=a"}, {"--name=a"}, {"--name", "b", "--name=a"},
	} {
		c, err := Parse(args, nil)
		require.NoError(t, err, args)
		require.Equal(t, "a", c.Name)
		require.Equal(t, "a=http://localhost:2380", c.InitialCluster.String(), "the cluster follows the name")
	}
	c, err := Parse([]string{"--strict-reconfig-check=false", "--pre-vote", "--force-new-cluster"}, nil)
	require.NoError(t, err)
	require.False(t, c.StrictReconfigCheck)
	require.True(t, c.ForceNewCluster)
}

// kubeadm's static pod, but for its TLS flags.
func TestKubeadmsCommandLine(t *testing.T) {
	c, err := Parse([]string{
		"--advertise-client-urls=http://192.168.0.2:2379", "--data-dir=/var/lib/etcd",
		"--feature-gates=InitialCorruptCheck=true", "--initial-advertise-peer-urls=http://192.168.0.2:2380",
		"--initial-cluster=cp1=http://192.168.0.2:2380", "--listen-client-urls=http://127.0.0.1:2379,http://192.168.0.2:2379",
		"--listen-metrics-urls=http://127.0.0.1:2381", "--listen-peer-urls=http://192.168.0.2:2380", "--name=cp1",
		"--snapshot-count=10000", "--watch-progress-notify-interval=5s",
	}, nil)
	require.NoError(t, err)
	require.True(t, c.FeatureGates["InitialCorruptCheck"])
	require.Len(t, c.ListenClientURLs, 2)
	require.Equal(t, 5*time.Second, c.WatchProgressNotifyInterval)
	require.NoError(t, c.VerifyBootstrap(t.Context()))
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  []string
		want string
	}{
		"positional":       {args: []string{"bar"}, want: `"bar" is not a valid flag`},
		"unknown":          {args: []string{"--nope"}, want: "flag provided but not defined: -nope"},
		"number":           {args: []string{"--heartbeat-interval=abc"}, want: `invalid value "abc" for flag -heartbeat-interval: parse error`},
		"range":            {args: []string{"--max-concurrent-streams=4294967296"}, want: `invalid value "4294967296" for flag -max-concurrent-streams: value out of range`},
		"choice":           {args: []string{"--initial-cluster-state=foo"}, want: `invalid value "foo" for flag -initial-cluster-state: invalid value`},
		"gate":             {args: []string{"--feature-gates=Foo=true"}, want: `invalid value "Foo=true" for flag -feature-gates: unrecognized feature gate: Foo`},
		"gate value":       {args: []string{"--feature-gates=CompactHashCheck"}, want: "missing bool value for CompactHashCheck"},
		"gate pair":        {args: []string{"--feature-gates=LeaseCheckpointPersist=true"}, want: "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint"},
		"url scheme":       {args: []string{"--listen-peer-urls=tcp://1:1"}, want: "URL scheme must be http, https, unix, or unixs: tcp://1:1"},
		"url name":         {args: []string{"--listen-peer-urls=http://example.com:1"}, want: "expected IP in URL for binding (http://example.com:1)"},
		"url path":         {args: []string{"--listen-peer-urls=http://1.1.1.1:1/a"}, want: "URL must not contain a path: http://1.1.1.1:1/a"},
		"election":         {args: []string{"--election-timeout=100"}, want: "--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]"},
		"election long":    {args: []string{"--election-timeout=50001"}, want: "--election-timeout[50001ms] is too long, and should be set less than 50000ms"},
		"heartbeat":        {args: []string{"--heartbeat-interval=0"}, want: "--heartbeat-interval must be >0 (set to 0ms)"},
		"advertise":        {args: []string{"--listen-client-urls=http://127.0.0.1:1"}, want: "--advertise-client-urls is required when --listen-client-urls is set explicitly"},
		"compaction mode":  {args: []string{"--auto-compaction-mode=x"}, want: `unknown auto-compaction-mode "x"`},
		"retention":        {args: []string{"--auto-compaction-retention=x"}, want: `error parsing CompactionRetention: time: invalid duration "x"`},
		"log level":        {args: []string{"--log-level=loud"}, want: `unrecognized level: "loud"`},
		"log format":       {args: []string{"--log-format=xml"}, want: "unknown log format: xml, supported values json, console"},
		"log outputs":      {args: []string{"--log-outputs=default,stderr"}, want: `multi logoutput for "default" is not supported yet`},
		"logger":           {args: []string{"--logger=glog"}, want: `unknown logger option "glog"`},
		"TLS":              {args: []string{"--cert-file=/a"}, want: "--cert-file=/a: TLS: not supported by this release of petcd"},
		"TLS URL":          {args: []string{"--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://127.0.0.1:1"}, want: "https://127.0.0.1:1: TLS: not supported by this release of petcd"},
		"auth":             {args: []string{"--auth-token=jwt"}, want: "--auth-token=jwt: authentication: not supported by this release of petcd"},
		"discovery":        {args: []string{"--discovery-srv=example.com"}, want: "--discovery-srv=example.com: discovery: not supported by this release of petcd"},
		"fallback":         {args: []string{"--discovery-fallback=proxy"}, want: `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`},
		"env value":        {env: []string{"ETCD_HEARTBEAT_INTERVAL=x"}, want: `invalid value "x" for ETCD_HEARTBEAT_INTERVAL: parse error`},
		"flag and env":     {args: []string{"--name=a"}, env: []string{"ETCD_NAME=a"}, want: `conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag (either unset environment variable or disable flag)`},
		"flag, empty env":  {args: []string{"--name=a"}, env: []string{"ETCD_NAME="}, want: `conflicting environment variable "ETCD_NAME"`},
		"env not built":    {env: []string{"ETCD_PEER_AUTO_TLS=true"}, want: "--peer-auto-tls=true: TLS: not supported by this release of petcd"},
		"initial cluster":  {args: []string{"--initial-cluster=a=x"}, want: "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: x"},
		"failover dir":     {args: []string{"--wal-dir=a", "--wal-failover-dir=a"}, want: "--wal-failover-dir must differ from --wal-dir"},
		"no such file":     {args: []string{"--config-file=/nonexistent"}, want: "open /nonexistent: no such file or directory"},
		"no such env file": {env: []string{"ETCD_CONFIG_FILE=/nonexistent"}, want: "open /nonexistent: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(tc.args, tc.env)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestUsageErrorsAreMarked(t *testing.T) {
	_, err := Parse([]string{"--nope"}, nil)
	require.ErrorIs(t, err, ErrUsage)
	_, err = Parse([]string{"bar"}, nil)
	require.NotErrorIs(t, err, ErrUsage, "etcd exits with 1 here")
	_, err = Parse([]string{"-h"}, nil)
	require.ErrorIs(t, err, ErrHelp)
	_, err = Parse([]string{"--version"}, nil)
	require.ErrorIs(t, err, ErrVersion)
}

func TestDefaultsOfWhatIsNotBuiltAreAccepted(t *testing.T) {
	var args []string
	for _, sec := range newParser().sections {
		for _, st := range sec.settings {
			if st.fate != built {
				args = append(args, "--"+st.name+"="+st.initial)
			}
		}
	}
	require.Greater(t, len(args), 60)
	c, err := Parse(args, nil)
	require.NoError(t, err)
	for _, n := range c.Notices {
		require.NotContains(t, n.Message, "no effect")
	}
	c, err = Parse([]string{"--client-cert-auth=0", "--corrupt-check-time=0", "--max-wals=0", "--backend-batch-limit=7"}, nil)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(noticeText(c), "the flag has no effect in petcd"))
	c, err = Parse([]string{"--feature-gates=InitialCorruptCheck=true,LeaseCheckpoint=true"}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(noticeText(c), "the feature gate has no effect in this release"))
}

// noticeText is all notices, one a line.
func noticeText(c *Config) string {
	var b strings.Builder
	for _, n := range c.Notices {
		b.WriteString(n.Message + "\n")
	}
	return b.String()
}

func TestEnvironment(t *testing.T) {
	c, err := Parse([]string{"--data-dir=d"}, []string{
		"PATH=/bin", "ETCD_NAME=a", "ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:1", "ETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:1",
		"ETCD_VERSION=3", "ETCD_NONSENSE=1", "ETCD_MAX_TXN_OPS=",
	})
	require.NoError(t, err)
	require.Equal(t, "a", c.Name)
	require.Equal(t, "d", c.DataDir)
	require.Equal(t, uint(128), c.MaxTxnOps, "an empty variable counts as unset")
	text := noticeText(c)
	require.Equal(t, 3, strings.Count(text, "recognized and used environment variable\n")-strings.Count(text, "unrecognized and used"))
	require.Contains(t, text, "cannot set special environment variable")
	require.Contains(t, text, "unrecognized environment variable")
}

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etcd.yml")
	require.NoError(t, os.WriteFile(path, []byte(`
name: 'a'
data-dir: d
heartbeat-interval: 200
election-timeout: 2000
listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2
advertise-client-urls: http://127.0.0.1:1
initial-cluster:
initial-cluster-token: 'tok'
initial-cluster-state: 'new'
strict-reconfig-check: false
watch-progress-notify-interval: 5000000000
auto-compaction-mode: revision
auto-compaction-retention: "1000"
log-outputs: [stdout]
feature-gates: CompactHashCheck=true
proxy: 'off'
proxy-failure-wait: 5000
client-transport-security:
  cert-file:
  client-cert-auth: false
socket-options:
  reuse-port: true
`), 0o600))
	c, err := Parse([]string{"--config-file", path, "--name=ignored"}, []string{"ETCD_MAX_TXN_OPS=9"})
	require.NoError(t, err)
	require.Equal(t, "a", c.Name)
	require.Equal(t, "d", c.DataDir)
	require.Equal(t, 10, c.ElectionTicks())
	require.Len(t, c.ListenClientURLs, 2)
	require.Equal(t, "tok", c.InitialClusterToken)
	require.False(t, c.StrictReconfigCheck)
	require.Equal(t, 5*time.Second, c.WatchProgressNotifyInterval)
	require.Equal(t, int64(1000), c.AutoCompactionRevisions)
	require.Equal(t, []string{"stdout"}, c.LogOutputs)
	require.True(t, c.FeatureGates["CompactHashCheck"])
	require.True(t, c.SocketReusePort)
	require.Equal(t, uint(128), c.MaxTxnOps, "the environment does not count beside a file")
}

func TestConfigFileRefusals(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"not a map":      {"- a", "the file is not a map of settings"},
		"not yaml":       {"a: [", "yaml"},
		"unknown key":    {"nam: a", `unknown setting "nam"`},
		"nested unknown": {"socket-options: {reuse: true}", `unknown setting "socket-options.reuse"`},
		"nested scalar":  {"peer-transport-security: 1", "invalid peer-transport-security"},
		"type":           {"name: 1", "name: must be a string (quote it)"},
		"duration text":  {"warning-apply-duration: 10m", "warning-apply-duration: must be a duration in integer nanoseconds"},
		"list":           {"log-outputs: stdout", "log-outputs: must be a list"},
		"bool":           {"pre-vote: 'yes'", "pre-vote: must be true or false"},
		"TLS":            {"peer-transport-security: {cert-file: x}", "--peer-cert-file=x: TLS: not supported by this release of petcd"},
		"proxy":          {"proxy: 'on'", "proxy: on: not supported by this release of petcd"},
		"value":          {"initial-cluster-state: x", `invalid value "x" for initial-cluster-state`},
		"validated":      {"election-timeout: 1", "--election-timeout[1ms] should be at least as 5 times"},
		"program flag":   {"version: true", `unknown setting "version"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseYAML([]byte(tc.file))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestBootstrapChecks(t *testing.T) {
	parse := func(args ...string) *Config {
		c, err := Parse(args, nil)
		require.NoError(t, err)
		return c
	}
	c := parse("--name=a", "--initial-cluster=b=http://127.0.0.1:1")
	require.EqualError(t, c.VerifyBootstrap(t.Context()), `couldn't find local name "a" in the initial cluster configuration`)
	require.Error(t, c.VerifyJoin())

	c = parse("--name=a", "--initial-cluster=a=http://127.0.0.1:1", "--initial-advertise-peer-urls=http://127.0.0.1:2")
	require.ErrorContains(t, c.VerifyBootstrap(t.Context()), "--initial-cluster has a=http://127.0.0.1:1 but missing from --initial-advertise-peer-urls=http://127.0.0.1:2")
	require.NoError(t, c.VerifyJoin(), "who joins announced its URLs before")

	c = parse("--name=a", "--initial-cluster=a=http://127.0.0.1:1", "--initial-advertise-peer-urls=http://127.0.0.1:1,http://127.0.0.1:2")
	require.ErrorContains(t, c.VerifyBootstrap(t.Context()), "--initial-advertise-peer-urls has http://127.0.0.1:2 but missing from --initial-cluster=")

	c = parse("--name=a", "--initial-cluster=a=http://127.0.0.1:1,b=http://127.0.0.1:1", "--initial-advertise-peer-urls=http://127.0.0.1:1")
	require.ErrorContains(t, c.VerifyBootstrap(t.Context()), "has duplicate url")

	c = parse("--name=a", "--initial-cluster=a=http://localhost:1", "--initial-advertise-peer-urls=http://127.0.0.1:1")
	require.NoError(t, c.VerifyBootstrap(t.Context()), "hosts are compared by address")
}

func TestGatesByStage(t *testing.T) {
	g := defaultGates()
	require.NoError(t, g.Set("AllAlpha=true,CompactHashCheck=false"))
	require.True(t, g["PriorityRequest"])
	require.False(t, g["CompactHashCheck"], "a named gate wins")
	require.True(t, g["FastLeaseKeepAlive"])
}

func TestHelpNamesEveryFlagOnce(t *testing.T) {
	help := Help()
	for _, sec := range newParser().sections {
		require.Contains(t, help, "\n"+sec.title+":\n")
		for _, st := range sec.settings {
			require.Equal(t, 1, strings.Count(help, "  --"+st.name+" '"), st.name)
		}
	}
	require.Contains(t, help, "--data-dir '${name}.etcd'")
}

func FuzzParse(f *testing.F) {
	f.Add("--name=a\x00--data-dir=b", "ETCD_NAME=x")
	f.Add("--initial-cluster=a=http://1:1,b=", "ETCD_LISTEN_PEER_URLS=unix://")
	f.Add("--auto-compaction-retention=9999999999", "")
	f.Add("--listen-metrics-urls=http://[::1]:0", "ETCD_FEATURE_GATES=AllBeta=1,=")
	f.Fuzz(func(t *testing.T, args, env string) {
		if strings.Contains(args+env, "config-file") || strings.Contains(env, "CONFIG_FILE") {
			return // would read files
		}
		c, err := Parse(strings.Split(args, "\x00"), strings.Split(env, "\x00"))
		if err == nil {
			require.NoError(t, c.Validate())
			require.GreaterOrEqual(t, c.ElectionTicks(), 5)
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("name: a\nheartbeat-interval: 1e3\n"))
	f.Add([]byte("client-transport-security: {auto-tls: false}\nlog-outputs: [a, b]\n"))
	f.Add([]byte("discovery-config: {token: x}\n? [1]\n: 2"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseYAML(data)
		if err == nil {
			require.NoError(t, c.Validate())
		}
	})
}
