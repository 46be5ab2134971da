package config

import (
	"math"
	"net/url"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// The two values of --initial-cluster-state.
const (
	ClusterStateNew      = "new"
	ClusterStateExisting = "existing"
)

// The two values of --auto-compaction-mode.
const (
	CompactionPeriodic = "periodic"
	CompactionRevision = "revision"
)

// Defaults that other packages and messages name.
const (
	DefaultName       = "default"
	DefaultQuotaBytes = int64(2 << 30)
	// MaxQuotaBytes is where etcd begins to warn; more is allowed.
	MaxQuotaBytes = int64(8 << 30)

	defaultPeerURL   = "http://localhost:2380"
	defaultClientURL = "http://localhost:2379"
	electionMax      = 50 * time.Second
)

// Default is the configuration of an etcd started without flags. DataDir is
// left empty: it derives from the name, which flags may still change.
func Default() Config {
	peer := []url.URL{{Scheme: "http", Host: "localhost:2380"}}
	client := []url.URL{{Scheme: "http", Host: "localhost:2379"}}
	return Config{
		Name:                DefaultName,
		ListenPeerURLs:      peer,
		ListenClientURLs:    client,
		AdvertisePeerURLs:   append([]url.URL(nil), peer...),
		AdvertiseClientURLs: append([]url.URL(nil), client...),

		InitialCluster:      types.URLsMap{DefaultName: append(types.URLs(nil), peer...)},
		InitialClusterState: ClusterStateNew,
		InitialClusterToken: "etcd-cluster",
		StrictReconfigCheck: true,
		MaxLearners:         1,

		HeartbeatInterval:          100 * time.Millisecond,
		ElectionTimeout:            time.Second,
		InitialElectionTickAdvance: true,
		PreVote:                    true,
		SnapshotCount:              10000,
		SnapshotCatchUpEntries:     5000,

		CompactionBatchLimit: 1000,
		// etcd reads 0 as its built-in pause of 10 ms.
		CompactionSleepInterval: 10 * time.Millisecond,
		AutoCompactionMode:      CompactionPeriodic,

		MaxTxnOps:                   128,
		MaxRequestBytes:             1.5 * 1024 * 1024,
		MaxConcurrentStreams:        math.MaxUint32,
		GRPCKeepAliveMinTime:        5 * time.Second,
		GRPCKeepAliveInterval:       2 * time.Hour,
		GRPCKeepAliveTimeout:        20 * time.Second,
		GRPCFastPath:                true,
		WatchProgressNotifyInterval: 10 * time.Minute,
		WarningApplyDuration:        100 * time.Millisecond,
		WarningUnaryRequestDuration: 300 * time.Millisecond,

		SelfSignedCertValidity: 1,
		TLSMinVersion:          "TLS1.2",

		AuthToken:    "simple",
		BcryptCost:   10,
		AuthTokenTTL: 300,

		EnableV2:          true,
		EnableGRPCGateway: true,
		CORS:              []string{"*"},
		HostWhitelist:     []string{"*"},

		Discovery: Discovery{
			DialTimeout: 2 * time.Second, RequestTimeout: 5 * time.Second,
			KeepAliveTime: 2 * time.Second, KeepAliveTimeout: 6 * time.Second,
			InsecureTransport: true,
		},
		CorruptCheckTime:     4 * time.Hour,
		CompactHashCheckTime: time.Minute,
		DowngradeCheckTime:   5 * time.Second,
		Tracing:              Tracing{Address: "localhost:4317", ServiceName: "etcd"},

		Metrics:    "basic",
		LogLevel:   "info",
		LogFormat:  "json",
		LogOutputs: []string{"default"},

		FeatureGates: defaultGates(),
	}
}
