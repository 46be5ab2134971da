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
		"retention below":  {args: []string{"--auto-compaction-retention=-1h"}, want: `error parsing CompactionRetention: "-1h" is negative`},
		"log level":        {args: []string{"--log-level=loud"}, want: `unrecognized level: "loud"`},
		"log format":       {args: []string{"--log-format=xml"}, want: "unknown log format: xml, supported values json, console"},
		"log outputs":      {args: []string{"--log-outputs=default,stderr"}, want: `multi logoutput for "default" is not supported yet`},
		"logger":           {args: []string{"--logger=glog"}, want: `unknown logger option "glog"`},
		"old logger":       {args: []string{"--logger=capnslog"}, want: "--logger=capnslog is removed in v3.5"},
		"journal and file": {args: []string{"--log-outputs=systemd/journal,stderr"}, want: "running with systemd/journal but other '--log-outputs' values"},
		"rotation target":  {args: []string{"--enable-log-rotation"}, want: "--log-outputs requires a single file path when --log-rotate-config-json is defined"},
		"rotation targets": {args: []string{"--enable-log-rotation", "--log-outputs=/a,/b"}, want: "--log-outputs requires a single file path"},
		"rotation syntax":  {args: []string{"--enable-log-rotation", "--log-outputs=/a", "--log-rotation-config-json={"}, want: "improperly formatted log rotation config: unexpected end of JSON input"},
		"rotation type":    {args: []string{"--enable-log-rotation", "--log-outputs=/a", `--log-rotation-config-json={"maxsize":"1"}`}, want: "invalid log rotation config: json: cannot unmarshal string into Go struct field Rotation.maxsize of type int"},
		"TLS version":      {args: []string{"--tls-min-version=TLS1.1"}, want: `unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)`},
		"TLS versions":     {args: []string{"--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"}, want: "min version (TLS1.3) is greater than max version (TLS1.2)"},
		"TLS 1.3 ciphers":  {args: []string{"--tls-min-version=TLS1.3", "--cipher-suites=TLS_AES_128_GCM_SHA256"}, want: "cipher suites cannot be configured when only TLS1.3 is enabled"},
		"cipher":           {args: []string{"--cipher-suites=ROT13"}, want: `unexpected TLS cipher suite "ROT13"`},
		"CORS":             {args: []string{"--cors=*,http://a"}, want: `invalid value "*,http://a" for flag -cors: URL scheme must be http, https, unix, or unixs: *`},
		"token type":       {args: []string{"--auth-token=foo"}, want: "auth: invalid auth options"},
		"token option":     {args: []string{"--auth-token=jwt,pub-key"}, want: "auth: invalid auth options"},
		"token option x2":  {args: []string{"--auth-token=jwt,ttl=1s,ttl=2s"}, want: "auth: invalid auth options"},
		"hash check":       {args: []string{"--compact-hash-check-time=0"}, want: "--compact-hash-check-time must be >0 (set to 0s)"},
		"count":            {args: []string{"--max-wals=-1"}, want: `invalid value "-1" for flag -max-wals: parse error`},
		"discovery twice":  {args: []string{"--discovery-srv=example.com", "--initial-cluster=a=http://127.0.0.1:1"}, want: "multiple discovery or bootstrap flags are set"},
		"sampling rate":    {args: []string{"--enable-distributed-tracing", "--distributed-tracing-sampling-rate=1000001"}, want: "--distributed-tracing-sampling-rate must be from 0 to 1000000 (set to 1000001)"},
		"half a registry":  {args: []string{"--discovery-token=x"}, want: "both --discovery-token and --discovery-endpoints must be set"},
		"v2 discovery":     {args: []string{"--discovery=https://discovery.etcd.io/x"}, want: "etcd removed v2 discovery in 3.7"},
		"v2 proxy":         {args: []string{"--proxy=on"}, want: "--proxy=on: etcd removed the v2 proxy in 3.6"},
		"v2 proxy value":   {args: []string{"--proxy=maybe"}, want: `invalid value "maybe" for flag -proxy: invalid value`},
		"v2 from v3":       {args: []string{"--experimental-enable-v2v3=/p"}, want: "--experimental-enable-v2v3=/p: the v2 API has a tree of its own"},
		"both names":       {args: []string{"--experimental-corrupt-check-time=1h", "--corrupt-check-time=1h"}, want: "cannot set --experimental-corrupt-check-time and --corrupt-check-time at the same time, please use --corrupt-check-time only"},
		"gate and flag":    {args: []string{"--experimental-initial-corrupt-check=true", "--feature-gates=InitialCorruptCheck=false"}, want: "cannot specify both flags: --experimental-initial-corrupt-check="},
		"both names, env":  {args: []string{"--memory-mlock=false"}, env: []string{"ETCD_EXPERIMENTAL_MEMORY_MLOCK=false"}, want: "cannot set --experimental-memory-mlock and --memory-mlock at the same time"},
		"fallback":         {args: []string{"--discovery-fallback=proxy"}, want: `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`},
		"env value":        {env: []string{"ETCD_HEARTBEAT_INTERVAL=x"}, want: `invalid value "x" for ETCD_HEARTBEAT_INTERVAL: parse error`},
		"flag and env":     {args: []string{"--name=a"}, env: []string{"ETCD_NAME=a"}, want: `conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag (either unset environment variable or disable flag)`},
		"flag, empty env":  {args: []string{"--name=a"}, env: []string{"ETCD_NAME="}, want: `conflicting environment variable "ETCD_NAME"`},
		"refused in env":   {env: []string{"ETCD_EXPERIMENTAL_ENABLE_V2V3=/p"}, want: "--experimental-enable-v2v3=/p: the v2 API has a tree of its own"},
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

func TestEveryDefaultIsAccepted(t *testing.T) {
	var args []string
	for _, sec := range newParser().sections {
		for _, st := range sec.settings {
			if st.fate == moot || st.fate == refused {
				args = append(args, "--"+st.name+"="+st.initial)
			}
		}
	}
	require.GreaterOrEqual(t, len(args), 20)
	c, err := Parse(args, nil)
	require.NoError(t, err)
	for _, n := range c.Notices {
		require.NotContains(t, n.Message, "no effect")
	}
}

func TestMootSettingsAreNoted(t *testing.T) {
	c, err := Parse([]string{"--max-wals=0", "--backend-batch-limit=7", "--experimental-backend-bbolt-freelist-type=map", "--log-package-levels=etcdserver=DEBUG"}, nil)
	require.NoError(t, err)
	require.Equal(t, 4, strings.Count(noticeText(c), "the flag has no effect in petcd"))
	require.Equal(t, 1, strings.Count(noticeText(c), "--experimental-backend-bbolt-freelist-type is deprecated. Use '--backend-bbolt-freelist-type' instead."))
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
		"nested deep":    {"discovery-config: {client: {secure: {nope: 1}}}", `unknown setting "discovery-config.client.secure.nope"`},
		"ignored flag":   {"snapshot: true", `unknown setting "snapshot"`},
		"proxy":          {"proxy: 'on'", "--proxy=on: etcd removed the v2 proxy in 3.6: not supported by this release of petcd"},
		"v2 from v3":     {"experimental-enable-v2v3: /p", "--experimental-enable-v2v3=/p: the v2 API has a tree of its own"},
		"both names":     {"corrupt-check-time: 1\nexperimental-corrupt-check-time: 1", "cannot set --experimental-corrupt-check-time and --corrupt-check-time at the same time"},
		"two old names":  {"snapshot-catchup-entries: 1\nexperimental-snapshot-catch-up-entries: 1", "cannot set --experimental-snapshot-catchup-entries"},
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

func TestAdvertiseHost(t *testing.T) {
	c, err := Parse([]string{"--name=a", "--listen-peer-urls=http://0.0.0.0:1"}, nil)
	require.NoError(t, err)
	require.True(t, c.AdvertiseHost("192.0.2.7"))
	require.Equal(t, "http://192.0.2.7:1", c.AdvertisePeerURLs[0].String())
	require.Equal(t, "a=http://192.0.2.7:1", c.InitialCluster.String())
	require.Equal(t, "http://localhost:2379", c.AdvertiseClientURLs[0].String())
	require.NoError(t, c.VerifyBootstrap(t.Context()))

	for _, args := range [][]string{
		{"--name=a"},
		{"--name=a", "--listen-peer-urls=http://127.0.0.1:1"},
		{"--name=a", "--listen-peer-urls=http://0.0.0.0:1", "--initial-advertise-peer-urls=http://127.0.0.1:1"},
	} {
		c, err := Parse(args, nil)
		require.NoError(t, err)
		require.False(t, c.AdvertiseHost("192.0.2.7"), args)
	}
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
