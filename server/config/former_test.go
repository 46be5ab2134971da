package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// releases are etcd's, each with the names of its flags in testdata/flags.
var releases = []string{"3.4", "3.5", "3.6", "3.7"}

// flagsOf reads the names of a release's flags.
func flagsOf(t *testing.T, release string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "flags", release))
	require.NoError(t, err)
	return strings.Fields(string(data))
}

func TestEveryFlagOfEveryReleaseIsKnown(t *testing.T) {
	p := newParser()
	ever := map[string]bool{"wal-failover-dir": true, "grpc-fast-path": true, "max-answer-bytes": true, "request-log": true}
	for _, release := range releases {
		names := flagsOf(t, release)
		require.Greater(t, len(names), 80, release)
		for _, name := range names {
			require.NotNil(t, p.flags.Lookup(name), "--%s of etcd %s", name, release)
			ever[name] = true
		}
	}
	for _, sec := range p.sections {
		for _, st := range sec.settings {
			require.True(t, ever[st.name], "--%s is no flag of etcd", st.name)
			require.Equal(t, st.fate == moot || st.fate == refused, st.why != "", st.name)
			require.Equal(t, st.fate == former, st.now != "", st.name)
		}
	}
}

func TestFormerNamesSetWhatTheyNamed(t *testing.T) {
	c, err := Parse([]string{
		"--experimental-initial-corrupt-check=true", "--experimental-watch-progress-notify-interval=5s",
		"--experimental-compact-hash-check-enabled", "--experimental-compact-hash-check-time=2m",
		"--experimental-corrupt-check-time=1h", "--experimental-compaction-batch-limit=7",
		"--experimental-txn-mode-write-with-shared-buffer=false", "--experimental-peer-skip-client-san-verification",
		"--experimental-distributed-tracing-service-name=s", "--debug", "--log-level=warn",
	}, []string{"ETCD_EXPERIMENTAL_SNAPSHOT_CATCHUP_ENTRIES=9"})
	require.NoError(t, err)
	require.True(t, c.FeatureGates["InitialCorruptCheck"])
	require.True(t, c.FeatureGates["CompactHashCheck"])
	require.False(t, c.FeatureGates["TxnModeWriteWithSharedBuffer"])
	require.Equal(t, 5*time.Second, c.WatchProgressNotifyInterval)
	require.Equal(t, 2*time.Minute, c.CompactHashCheckTime)
	require.Equal(t, time.Hour, c.CorruptCheckTime)
	require.Equal(t, 7, c.CompactionBatchLimit)
	require.True(t, c.PeerTLS.SkipClientSANVerification)
	require.Equal(t, "s", c.Tracing.ServiceName)
	require.Equal(t, uint64(9), c.SnapshotCatchUpEntries)
	require.Equal(t, "debug", c.LogLevel, "3.4's --debug outweighs --log-level")
	require.Equal(t, 11, strings.Count(noticeText(c), " is deprecated. Use '--"))
}

// A flag beside its former gate's name is no conflict unless the gate is named.
func TestFormerGateBesideOtherGates(t *testing.T) {
	c, err := Parse([]string{"--experimental-enable-lease-checkpoint", "--feature-gates=LeaseCheckpointPersist=true"}, nil)
	require.NoError(t, err)
	require.True(t, c.FeatureGates["LeaseCheckpoint"])
	require.True(t, c.FeatureGates["LeaseCheckpointPersist"])
}

// The command lines that kubeadm 1.31 and 1.37 write into their static pods.
func TestKubeadmsCommandLines(t *testing.T) {
	common := []string{
		"--advertise-client-urls=https://192.168.0.2:2379", "--cert-file=/etc/kubernetes/pki/etcd/server.crt", "--client-cert-auth=true",
		"--data-dir=/var/lib/etcd", "--initial-advertise-peer-urls=https://192.168.0.2:2380", "--initial-cluster=cp1=https://192.168.0.2:2380",
		"--key-file=/etc/kubernetes/pki/etcd/server.key", "--listen-client-urls=https://127.0.0.1:2379,https://192.168.0.2:2379",
		"--listen-metrics-urls=http://127.0.0.1:2381", "--listen-peer-urls=https://192.168.0.2:2380", "--name=cp1",
		"--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt", "--peer-client-cert-auth=true", "--peer-key-file=/etc/kubernetes/pki/etcd/peer.key",
		"--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt", "--snapshot-count=10000", "--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
	}
	for name, own := range map[string][]string{
		"1.31":          {"--experimental-initial-corrupt-check=true", "--experimental-watch-progress-notify-interval=5s"},
		"1.37":          {"--feature-gates=InitialCorruptCheck=true", "--watch-progress-notify-interval=5s"},
		"1.37, joining": {"--feature-gates=InitialCorruptCheck=true", "--watch-progress-notify-interval=5s", "--initial-cluster-state=existing"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse(append(own, common...), nil)
			require.NoError(t, err)
			require.True(t, c.FeatureGates["InitialCorruptCheck"])
			require.Equal(t, 5*time.Second, c.WatchProgressNotifyInterval)
			require.Len(t, c.ListenClientURLs, 2)
			require.Equal(t, "http://127.0.0.1:2381", c.ListenMetricsURLs[0].String())
			require.Equal(t, TLS{
				CertFile: "/etc/kubernetes/pki/etcd/peer.crt", KeyFile: "/etc/kubernetes/pki/etcd/peer.key",
				TrustedCAFile: "/etc/kubernetes/pki/etcd/ca.crt", ClientCertAuth: true,
			}, c.PeerTLS)
			require.Equal(t, "/etc/kubernetes/pki/etcd/server.crt", c.ClientTLS.CertFile)
			require.True(t, c.ClientTLS.ClientCertAuth)
			require.NoError(t, c.VerifyBootstrap(t.Context()))
		})
	}
}

// The keys of the sample files that etcd 3.4 and 3.7 ship, and all nested ones.
func TestSampleFiles(t *testing.T) {
	for _, name := range []string{"sample-3.4.yml", "sample-3.7.yml"} {
		c, err := ParseFile(filepath.Join("testdata", name))
		require.NoError(t, err, name)
		require.Equal(t, "debug", c.LogLevel)
		require.Equal(t, []string{"stderr"}, c.LogOutputs)
		require.Equal(t, time.Hour, c.AutoCompactionRetention)
		require.Equal(t, []string{"*"}, c.CORS)
		require.Len(t, c.CipherSuites, 2)
	}
	c, err := ParseFile(filepath.Join("testdata", "nested.yml"))
	require.NoError(t, err)
	require.Equal(t, TLS{
		CertFile: "c1", KeyFile: "c2", ClientCertFile: "c3", ClientKeyFile: "c4", ClientCertAuth: true, TrustedCAFile: "c5",
		AllowedCNs: []string{"c6"}, AllowedHostnames: []string{"c7", "c8"}, Auto: true, SkipClientSANVerification: true,
	}, c.ClientTLS)
	require.Equal(t, TLS{
		CertFile: "p1", KeyFile: "p2", ClientCertFile: "p3", ClientKeyFile: "p4", ClientCertAuth: true, TrustedCAFile: "p5",
		AllowedCNs: []string{"p6", "p7"}, AllowedHostnames: []string{"p8"}, Auto: true, SkipClientSANVerification: true,
	}, c.PeerTLS)
	require.True(t, c.SocketReuseAddress)
	require.Equal(t, []string{"http://a:1", "http://b:1"}, c.CORS)
	require.Equal(t, []string{"a", "b"}, c.HostWhitelist)
	require.Equal(t, 3*time.Second, c.Discovery.DialTimeout)
	require.Equal(t, "d1", c.Discovery.CertFile)
	require.Equal(t, "d2", c.Discovery.User)
	require.Equal(t, uint64(11), c.SnapshotCatchUpEntries)
}
