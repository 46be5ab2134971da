package config

import (
	"net/url"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// Config is everything one member is told at its start. Durations are
// time.Duration whatever unit the flag has; an empty WALDir means "inside
// DataDir"; InitialCluster is keyed by member name.
type Config struct {
	Name    string
	DataDir string
	WALDir  string
	// WALFailoverDir is a folder on a second disk that takes the log's
	// writes while the first one stalls. Empty turns failover off.
	WALFailoverDir string

	ListenPeerURLs       []url.URL
	ListenClientURLs     []url.URL
	ListenClientHTTPURLs []url.URL
	ListenMetricsURLs    []url.URL
	AdvertisePeerURLs    []url.URL
	AdvertiseClientURLs  []url.URL

	InitialCluster      types.URLsMap
	InitialClusterState string
	InitialClusterToken string
	ForceNewCluster     bool
	StrictReconfigCheck bool
	MaxLearners         int

	HeartbeatInterval          time.Duration
	ElectionTimeout            time.Duration
	InitialElectionTickAdvance bool
	PreVote                    bool
	SnapshotCount              uint64
	SnapshotCatchUpEntries     uint64
	UnsafeNoFsync              bool

	// QuotaBytes is the size at which the NOSPACE alarm is raised: 0 means
	// DefaultQuotaBytes, negative means no quota.
	QuotaBytes              int64
	CompactionBatchLimit    int
	CompactionSleepInterval time.Duration
	AutoCompactionMode      string
	// AutoCompactionRetention is how much history to keep in periodic mode,
	// AutoCompactionRevisions in revision mode. 0 turns it off.
	AutoCompactionRetention time.Duration
	AutoCompactionRevisions int64

	MaxTxnOps       uint
	MaxRequestBytes uint
	// MaxAnswerBytes is how much memory large answers may take together; 0 stands for a quarter of the machine's. See AnswerMemory.
	MaxAnswerBytes       int64
	MaxConcurrentStreams uint32
	// GRPCFastPath serves gRPC by petcd's own transport instead of grpc-go's.
	GRPCFastPath                bool
	GRPCKeepAliveMinTime        time.Duration
	GRPCKeepAliveInterval       time.Duration
	GRPCKeepAliveTimeout        time.Duration
	WatchProgressNotifyInterval time.Duration
	WarningApplyDuration        time.Duration
	WarningUnaryRequestDuration time.Duration
	SocketReusePort             bool
	SocketReuseAddress          bool

	// ClientTLS is of the ports for clients, PeerTLS of those for members and of the connections to other members.
	ClientTLS, PeerTLS TLS
	// SelfSignedCertValidity is how many years the certificates of auto TLS are good for.
	SelfSignedCertValidity uint
	CipherSuites           []string
	TLSMinVersion          string
	TLSMaxVersion          string // empty: what the Go release allows

	// AuthToken is "simple", or "jwt" with its options, as etcd writes them.
	AuthToken  string
	BcryptCost uint
	// AuthTokenTTL is how many seconds a simple token lives.
	AuthTokenTTL uint

	// EnableV2 serves API 2. The tree behind it is part of the state whether or not this member serves it.
	EnableV2          bool
	EnableGRPCGateway bool
	// CORS and HostWhitelist are the origins and host names that HTTP requests may carry; "*" allows any.
	CORS          []string
	HostWhitelist []string

	Discovery        Discovery
	DiscoverySRV     string
	DiscoverySRVName string

	CorruptCheckTime     time.Duration // 0: not at intervals
	CompactHashCheckTime time.Duration
	DowngradeCheckTime   time.Duration
	MemoryMlock          bool

	Tracing     Tracing
	EnablePprof bool
	Metrics     string
	// RequestLog is the file that gets a line for every request of a client, or "stderr". Empty turns it off.
	RequestLog string

	LogLevel   string
	LogFormat  string
	LogOutputs []string
	// LogRotation is the JSON of --log-rotation-config-json; empty without --enable-log-rotation.
	LogRotation string

	FeatureGates FeatureGates

	// clusterFollowsName says that InitialCluster was made of Name and
	// AdvertisePeerURLs.
	clusterFollowsName bool

	// Notices are what Parse found worth telling, for the first logger.
	Notices []Notice
}

// IsNew reports whether this member bootstraps a cluster rather than joining
// one.
func (c *Config) IsNew() bool { return c.InitialClusterState == ClusterStateNew }

// ElectionTicks is the election timeout counted in heartbeat intervals, the
// unit Raft's clock has.
func (c *Config) ElectionTicks() int { return int(c.ElectionTimeout / c.HeartbeatInterval) }

// RequestTimeout bounds a client request that carries no deadline: five
// seconds for the disk and two elections, as in etcd.
func (c *Config) RequestTimeout() time.Duration { return 5*time.Second + 2*c.ElectionTimeout }
