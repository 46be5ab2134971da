package config

import (
	"flag"
	"io"
	"slices"
	"strings"
)

// fate is what petcd does with a setting.
type fate int

const (
	// built: petcd does what the setting says.
	built fate = iota
	// moot: the setting tunes a part of etcd that petcd does not have, and
	// nothing an operator relies on changes by leaving it out.
	moot
	// refused: the setting asks for something that petcd does not do; any
	// value but the default is an error.
	refused
	// former: the name that an earlier etcd had for another setting.
	former
)

// setting is one flag with its environment variable and YAML key.
type setting struct {
	name    string
	value   *value
	fate    fate
	usage   string
	initial string // the default, as --help shows it
	why     string // of a moot or refused setting
	now     string // what a former name is called now: a flag, or "feature-gates=" and a gate
}

// section is a heading of --help and the settings below it.
type section struct {
	title    string
	settings []setting
}

// raw holds the settings whose meaning depends on others and is worked out
// after all of them were read.
type raw struct {
	initialCluster string
	retention      string
	logger         string
	fallback       string
	configFile     string
	logRotation    bool
	rotation       string
	version        bool
	debug          bool
	namedGates     map[string]bool // gates that --feature-gates named
}

// s makes a setting that does what it says.
func s(name string, v *value, usage string) setting {
	return setting{name: name, value: v, fate: built, usage: usage, initial: v.String()}
}

// refuse makes a setting whose every value but the default is refused.
func refuse(st setting, why string) setting {
	st.fate, st.why = refused, why
	return st
}

// table is Invariant I2's one table: every setting, bound to c and r.
func table(c *Config, r *raw) []section {
	sections := []section{
		{"Member", []setting{
			s("name", text(&c.Name), "Human-readable name for this member."),
			shown(s("data-dir", text(&c.DataDir), "Path to the data directory."), "${name}.etcd"),
			s("wal-dir", text(&c.WALDir), "Path to a dedicated directory for the Raft log."),
			s("wal-failover-dir", text(&c.WALFailoverDir), "Path to a directory on another disk that takes the log's writes while the first one stalls. Once the member has run with it, each start needs it. (petcd only)"),
			s("snapshot-count", unsigned(&c.SnapshotCount), "Number of applied entries after which the log may be cut."),
			s("heartbeat-interval", millis(&c.HeartbeatInterval), "Time (in milliseconds) of a heartbeat interval."),
			s("election-timeout", millis(&c.ElectionTimeout), "Time (in milliseconds) for an election to timeout."),
			s("initial-election-tick-advance", boolean(&c.InitialElectionTickAdvance), "Whether to fast-forward initial election ticks on boot for faster election."),
			s("listen-peer-urls", urls(&c.ListenPeerURLs), "List of URLs to listen on for peer traffic."),
			s("listen-client-urls", urls(&c.ListenClientURLs), "List of URLs to listen on for client gRPC traffic, and for HTTP as long as --listen-client-http-urls is not given."),
			s("listen-client-http-urls", urls(&c.ListenClientHTTPURLs), "List of URLs to listen on for HTTP-only client traffic. It removes the HTTP services from --listen-client-urls."),
			s("quota-backend-bytes", signed(&c.QuotaBytes), "Size (in bytes) of the store at which an alarm makes the cluster read-only. 0 stands for 2 GiB, a negative number for no limit."),
			s("max-txn-ops", unsigned(&c.MaxTxnOps), "Maximum number of operations permitted in a transaction."),
			s("max-request-bytes", unsigned(&c.MaxRequestBytes), "Maximum client request size in bytes the server will accept."),
			s("max-answer-bytes", signed(&c.MaxAnswerBytes), "Memory (in bytes) that answers of more than 2 MiB may take together while they are read and sent; a range that does not fit is refused with \"too many requests\", unless it is the only one. 0 stands for a quarter of the machine's memory, a negative number for no limit. (petcd only)"),
			s("max-concurrent-streams", unsigned(&c.MaxConcurrentStreams), "Maximum concurrent streams that each client can open at a time."),
			s("grpc-fast-path", boolean(&c.GRPCFastPath), "Serve gRPC by petcd's own transport, which takes less of the processor than grpc-go's; false, and tracing, bring that back. (petcd only)"),
			s("grpc-keepalive-min-time", duration(&c.GRPCKeepAliveMinTime), "Minimum interval that a client should wait before pinging the server."),
			s("grpc-keepalive-interval", duration(&c.GRPCKeepAliveInterval), "Interval of server-to-client pings that check whether a connection is alive (0 to disable)."),
			s("grpc-keepalive-timeout", duration(&c.GRPCKeepAliveTimeout), "Additional wait before closing a connection that does not answer (0 to disable)."),
			s("socket-reuse-port", boolean(&c.SocketReusePort), "Set SO_REUSEPORT on listeners, so that a port in use can be bound again."),
			s("socket-reuse-address", boolean(&c.SocketReuseAddress), "Set SO_REUSEADDR on listeners, so that an address in TIME_WAIT can be bound."),
			s("enable-v2", boolean(&c.EnableV2), "Serve the v2 API under /v2/ on the client URLs."),
			s("enable-grpc-gateway", boolean(&c.EnableGRPCGateway), "Enable the JSON gateway to the gRPC services."),
			s("memory-mlock", boolean(&c.MemoryMlock), "Lock the process's memory, so that none of it is swapped out."),
			s("feature-gates", gatesValue(c.FeatureGates, r), "Name=true|false pairs, comma-separated. Known gates:"),
		}},
		{"Clustering", []setting{
			s("initial-advertise-peer-urls", urls(&c.AdvertisePeerURLs), "List of this member's peer URLs to advertise to the rest of the cluster."),
			s("initial-cluster", text(&r.initialCluster), "Initial cluster configuration for bootstrapping."),
			s("initial-cluster-state", choice(&c.InitialClusterState, ClusterStateNew, ClusterStateExisting), "'new' when bootstrapping a cluster, 'existing' when joining one. Ignored once the member has data."),
			s("initial-cluster-token", text(&c.InitialClusterToken), "Token that keeps two clusters with equal peer URLs apart."),
			s("advertise-client-urls", urls(&c.AdvertiseClientURLs), "List of this member's client URLs to advertise to the public."),
			s("strict-reconfig-check", boolean(&c.StrictReconfigCheck), "Reject reconfiguration requests that would cause quorum loss."),
			s("pre-vote", boolean(&c.PreVote), "Run Raft's pre-vote phase, so that a member coming back does not disrupt the leader."),
			s("auto-compaction-retention", text(&r.retention), "History to keep; 0 disables auto compaction."),
			s("auto-compaction-mode", text(&c.AutoCompactionMode), "'periodic' reads the retention as a duration (hours without a unit), 'revision' as a number of revisions."),
		}},
		{"Security", slices.Concat([]setting{
			s("cert-file", text(&c.ClientTLS.CertFile), "Path to the client server TLS cert file."),
			s("key-file", text(&c.ClientTLS.KeyFile), "Path to the client server TLS key file."),
			s("client-cert-file", text(&c.ClientTLS.ClientCertFile), "Path to an explicit TLS cert file for the client connections that the member opens to itself."),
			s("client-key-file", text(&c.ClientTLS.ClientKeyFile), "Path to an explicit TLS key file for the client connections that the member opens to itself."),
			s("client-cert-auth", boolean(&c.ClientTLS.ClientCertAuth), "Enable client cert authentication. A JSON gateway's user never comes from a certificate."),
			s("client-crl-file", text(&c.ClientTLS.CRLFile), "Path to the client certificate revocation list file."),
			s("client-cert-allowed-hostname", names(&c.ClientTLS.AllowedHostnames), "Comma-separated list of SAN hostnames for client cert authentication."),
			s("trusted-ca-file", text(&c.ClientTLS.TrustedCAFile), "Path to the client server TLS trusted CA cert file."),
			s("auto-tls", boolean(&c.ClientTLS.Auto), "Client TLS using generated certificates."),
			s("peer-cert-file", text(&c.PeerTLS.CertFile), "Path to the peer server TLS cert file."),
			s("peer-key-file", text(&c.PeerTLS.KeyFile), "Path to the peer server TLS key file."),
			s("peer-client-cert-file", text(&c.PeerTLS.ClientCertFile), "Path to an explicit TLS cert file for connections to peers."),
			s("peer-client-key-file", text(&c.PeerTLS.ClientKeyFile), "Path to an explicit TLS key file for connections to peers."),
			s("peer-client-cert-auth", boolean(&c.PeerTLS.ClientCertAuth), "Enable peer client cert authentication."),
			s("peer-trusted-ca-file", text(&c.PeerTLS.TrustedCAFile), "Path to the peer server TLS trusted CA file."),
			s("peer-auto-tls", boolean(&c.PeerTLS.Auto), "Peer TLS using generated certificates."),
			s("peer-crl-file", text(&c.PeerTLS.CRLFile), "Path to the peer certificate revocation list file."),
			s("peer-cert-allowed-cn", names(&c.PeerTLS.AllowedCNs), "Comma-separated list of CNs that a connecting peer's certificate may have."),
			s("peer-cert-allowed-hostname", names(&c.PeerTLS.AllowedHostnames), "Comma-separated list of SAN hostnames that a connecting peer's certificate may have."),
			s("peer-skip-client-san-verification", boolean(&c.PeerTLS.SkipClientSANVerification), "Skip the check of a peer certificate's SAN addresses."),
			s("self-signed-cert-validity", unsigned(&c.SelfSignedCertValidity), "Years for which the certificates of --auto-tls and --peer-auto-tls are good."),
			s("cipher-suites", list(&c.CipherSuites), "Comma-separated list of TLS cipher suites between client/server and peers (empty: Go's)."),
			s("tls-min-version", text(&c.TLSMinVersion), "Minimum TLS version: TLS1.2 or TLS1.3."),
			s("tls-max-version", text(&c.TLSMaxVersion), "Maximum TLS version: TLS1.2 or TLS1.3 (empty: Go's)."),
			s("cors", origins(&c.CORS), "Comma-separated whitelist of origins for CORS, or cross-origin resource sharing, (empty or * means allow all)."),
			s("host-whitelist", commaText(&c.HostWhitelist), "Comma-separated list of acceptable hostnames in HTTP requests without TLS (empty or * means allow all)."),
		}, authSettings(c))},
		{"Discovery", discoverySettings(c)},
		{"Profiling and Monitoring", []setting{
			s("enable-pprof", boolean(&c.EnablePprof), "Serve runtime profiling data under /debug/pprof/ on the client URLs."),
			s("metrics", text(&c.Metrics), "'extensive' adds latency histograms of the gRPC services to the metrics."),
			s("request-log", text(&c.RequestLog), "File that gets a line of JSON for every request of a client, or 'stderr': who, what, at what cost. (petcd only)"),
			s("enable-distributed-tracing", boolean(&c.Tracing.Enabled), "Send OpenTelemetry traces."),
			s("distributed-tracing-address", text(&c.Tracing.Address), "Address of the OpenTelemetry collector (OTLP over gRPC)."),
			s("distributed-tracing-service-name", text(&c.Tracing.ServiceName), "Service name in the traces, the same for all members of a cluster."),
			s("distributed-tracing-instance-id", text(&c.Tracing.InstanceID), "Instance id in the traces, unique to each member."),
			s("distributed-tracing-sampling-rate", signed(&c.Tracing.SamplingRate), "How many of a million requests are traced."),
			s("listen-metrics-urls", urls(&c.ListenMetricsURLs), "List of URLs to listen on for the metrics and health endpoints."),
		}},
		{"Logging", []setting{
			s("logger", text(&r.logger), "Only 'zap' is accepted: JSON lines with zap's keys."),
			s("log-outputs", list(&c.LogOutputs), "'default', 'stderr', 'stdout' or file paths, comma-separated."),
			s("log-level", text(&c.LogLevel), "Only debug, info, warn, error, panic, or fatal."),
			s("log-format", text(&c.LogFormat), "Only json, console."),
			s("enable-log-rotation", boolean(&r.logRotation), "Rotate the log files of --log-outputs."),
			s("log-rotation-config-json", text(&r.rotation), "How log files are rotated: JSON with maxsize (MB), maxage (days), maxbackups, localtime, compress."),
			s("warning-unary-request-duration", duration(&c.WarningUnaryRequestDuration), "Time after which a unary request is logged as slow."),
		}},
		{"Features", []setting{
			s("compaction-batch-limit", signed(&c.CompactionBatchLimit), "Maximum revisions deleted in each compaction batch."),
			s("compaction-sleep-interval", duration(&c.CompactionSleepInterval), "Least sleep between two compaction batches; while the store is written to it is nine times as long as the batch took, up to 250 ms."),
			s("watch-progress-notify-interval", duration(&c.WatchProgressNotifyInterval), "Interval of progress notifications to watches that ask for them."),
			s("warning-apply-duration", duration(&c.WarningApplyDuration), "Time after which applying a request is logged as slow."),
			s("corrupt-check-time", duration(&c.CorruptCheckTime), "Interval of the comparison of all members' states (0 to disable)."),
			s("compact-hash-check-time", duration(&c.CompactHashCheckTime), "Interval of the comparison of the members' compaction hashes."),
			s("downgrade-check-time", duration(&c.DowngradeCheckTime), "Interval of the downgrade check."),
			s("max-learners", signed(&c.MaxLearners), "Maximum number of learner members in the cluster."),
			s("snapshot-catchup-entries", unsigned(&c.SnapshotCatchUpEntries), "Number of entries kept for a slow follower after the log was cut."),
		}},
		{"Unsafe feature", []setting{
			s("force-new-cluster", boolean(&c.ForceNewCluster), "Make a new one-member cluster of this member's data."),
			s("unsafe-no-fsync", boolean(&c.UnsafeNoFsync), "Do not sync the log; a crash of the machine loses acknowledged writes."),
		}},
		{"Program", []setting{
			s("config-file", text(&r.configFile), "Path to a YAML file with these settings. Flags and environment variables are then ignored; durations are integer nanoseconds."),
			s("version", boolean(&r.version), "Print the version and exit."),
		}},
		{"Accepted without effect", mootSettings(r)},
		{"Accepted at their defaults only", refusedSettings()},
	}
	return append(sections, section{"Former names", formerSettings(sections, c, r)})
}

// authSettings are the flags of authentication.
func authSettings(c *Config) []setting {
	return []setting{
		s("auth-token", text(&c.AuthToken), "'simple', or 'jwt,pub-key=…,priv-key=…,sign-method=…,ttl=…'."),
		s("bcrypt-cost", unsigned(&c.BcryptCost), "Cost of the bcrypt algorithm for hashing passwords, from 4 to 31."),
		s("auth-token-ttl", unsigned(&c.AuthTokenTTL), "Seconds that a simple token lives."),
	}
}

// discoverySettings are the flags that find the first members.
func discoverySettings(c *Config) []setting {
	d := &c.Discovery
	return []setting{
		s("discovery-token", text(&d.Token), "Token of the cluster in the discovery service."),
		s("discovery-endpoints", list(&d.Endpoints), "gRPC endpoints of the discovery service."),
		s("discovery-dial-timeout", duration(&d.DialTimeout), "Time to connect to the discovery service."),
		s("discovery-request-timeout", duration(&d.RequestTimeout), "Time for a request to the discovery service."),
		s("discovery-keepalive-time", duration(&d.KeepAliveTime), "How long the connection may be silent before it is probed."),
		s("discovery-keepalive-timeout", duration(&d.KeepAliveTimeout), "How long a probed connection may stay silent before it is closed."),
		s("discovery-insecure-transport", boolean(&d.InsecureTransport), "Connect to the discovery service without TLS."),
		s("discovery-insecure-skip-tls-verify", boolean(&d.InsecureSkipVerify), "Do not verify the discovery service's certificate; for tests only."),
		s("discovery-cert", text(&d.CertFile), "Client certificate for the discovery service."),
		s("discovery-key", text(&d.KeyFile), "Key of the client certificate for the discovery service."),
		s("discovery-cacert", text(&d.TrustedCAFile), "CA bundle that the discovery service is verified with."),
		s("discovery-user", text(&d.User), "User name, or name:password, for the discovery service."),
		s("discovery-password", text(&d.Password), "Password for the discovery service."),
		s("discovery-srv", text(&c.DiscoverySRV), "DNS domain whose SRV records name the first members."),
		s("discovery-srv-name", text(&c.DiscoverySRVName), "Suffix of the SRV service name."),
	}
}

// shown replaces the default in --help where it is worked out from others.
func shown(st setting, initial string) setting {
	st.initial = initial
	return st
}

// gatesValue parses feature gates onto their defaults, and remembers which
// were named.
func gatesValue(g FeatureGates, r *raw) *value {
	set := func(text string) error {
		for _, pair := range strings.Split(text, ",") {
			name, _, _ := strings.Cut(pair, "=")
			r.namedGates[strings.TrimSpace(name)] = true
		}
		return g.Set(text)
	}
	return &value{kindString, set, func() string { return "" }}
}

// flagSet registers every setting of the table under its name.
func flagSet(sections []section) *flag.FlagSet {
	fs := flag.NewFlagSet("etcd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	for _, sec := range sections {
		for _, st := range sec.settings {
			fs.Var(st.value, st.name, st.usage)
		}
	}
	return fs
}
