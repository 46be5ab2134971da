package config

import (
	"flag"
	"io"
)

// fate is what petcd does with a setting.
type fate int

const (
	// built: petcd does what the setting says.
	built fate = iota
	// moot: the setting tunes a part of etcd that petcd does not have, and
	// nothing an operator relies on changes by leaving it out.
	moot
	// later: the setting asks for a feature that petcd does not have; any
	// value but the default is refused.
	later
)

// setting is one flag with its environment variable and YAML key.
type setting struct {
	name    string
	value   *value
	fate    fate
	usage   string
	initial string // the default, as --help shows it
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
	version        bool
}

// s makes a setting that does what it says.
func s(name string, v *value, usage string) setting {
	return setting{name: name, value: v, fate: built, usage: usage, initial: v.String()}
}

// table is Invariant I2's one table: every setting, bound to c and r.
func table(c *Config, r *raw) []section {
	return []section{
		{"Member", []setting{
			s("name", text(&c.Name), "Human-readable name for this member."),
			shown(s("data-dir", text(&c.DataDir), "Path to the data directory."), "${name}.etcd"),
			s("wal-dir", text(&c.WALDir), "Path to a dedicated directory for the Raft log."),
			s("wal-failover-dir", text(&c.WALFailoverDir), "Path to a directory on another disk that takes the log's writes while the first one stalls. Once it was used, a restart needs it too. (petcd only)"),
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
			s("max-concurrent-streams", unsigned(&c.MaxConcurrentStreams), "Maximum concurrent streams that each client can open at a time."),
			s("grpc-keepalive-min-time", duration(&c.GRPCKeepAliveMinTime), "Minimum interval that a client should wait before pinging the server."),
			s("grpc-keepalive-interval", duration(&c.GRPCKeepAliveInterval), "Interval of server-to-client pings that check whether a connection is alive (0 to disable)."),
			s("grpc-keepalive-timeout", duration(&c.GRPCKeepAliveTimeout), "Additional wait before closing a connection that does not answer (0 to disable)."),
			s("socket-reuse-port", boolean(&c.SocketReusePort), "Set SO_REUSEPORT on listeners, so that a port in use can be bound again."),
			s("socket-reuse-address", boolean(&c.SocketReuseAddress), "Set SO_REUSEADDR on listeners, so that an address in TIME_WAIT can be bound."),
			s("feature-gates", gatesValue(c.FeatureGates), "Name=true|false pairs, comma-separated. Known gates:"),
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
		{"Profiling and Monitoring", []setting{
			s("enable-pprof", boolean(&c.EnablePprof), "Serve runtime profiling data under /debug/pprof/ on the client URLs."),
			s("metrics", text(&c.Metrics), "'extensive' adds latency histograms of the gRPC services to the metrics."),
			s("listen-metrics-urls", urls(&c.ListenMetricsURLs), "List of URLs to listen on for the metrics and health endpoints."),
		}},
		{"Logging", []setting{
			s("logger", text(&r.logger), "Only 'zap' is accepted: JSON lines with zap's keys."),
			s("log-outputs", list(&c.LogOutputs), "'default', 'stderr', 'stdout' or file paths, comma-separated."),
			s("log-level", text(&c.LogLevel), "Only debug, info, warn, error, panic, or fatal."),
			s("log-format", text(&c.LogFormat), "Only json, console."),
			s("warning-unary-request-duration", duration(&c.WarningUnaryRequestDuration), "Time after which a unary request is logged as slow."),
		}},
		{"Features", []setting{
			s("compaction-batch-limit", signed(&c.CompactionBatchLimit), "Maximum revisions deleted in each compaction batch."),
			s("compaction-sleep-interval", duration(&c.CompactionSleepInterval), "Sleep between two compaction batches."),
			s("watch-progress-notify-interval", duration(&c.WatchProgressNotifyInterval), "Interval of progress notifications to watches that ask for them."),
			s("warning-apply-duration", duration(&c.WarningApplyDuration), "Time after which applying a request is logged as slow."),
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
		{"Accepted without effect (they tune parts of etcd that petcd does not have)", mootSettings(r)},
		{"Accepted only at their defaults (not in this release)", laterSettings()},
	}
}

// shown replaces the default in --help where it is worked out from others.
func shown(st setting, initial string) setting {
	st.initial = initial
	return st
}

// gatesValue parses feature gates onto their defaults.
func gatesValue(g FeatureGates) *value {
	return &value{kindString, g.Set, func() string { return "" }}
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
