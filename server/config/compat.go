package config

// mootSettings are etcd's knobs for its own storage and for removed features.
func mootSettings(r *raw) []setting {
	m := func(name string, k kind, def, usage string) setting {
		return setting{name: name, value: fixed(k, def), fate: moot, usage: usage, initial: def}
	}
	return []setting{
		m("max-snapshots", kindNumber, "5", "Number of snapshot files to retain."),
		m("max-wals", kindNumber, "5", "Number of wal files to retain."),
		m("backend-bbolt-freelist-type", kindString, "", "Freelist type of bbolt."),
		m("backend-batch-interval", kindDuration, "0s", "Commit interval of bbolt."),
		m("backend-batch-limit", kindNumber, "0", "Commit size of bbolt."),
		m("bootstrap-defrag-threshold-megabytes", kindNumber, "0", "Defragment bbolt at start."),
		m("raft-read-timeout", kindDuration, "5s", "Read timeout of peer connections."),
		m("raft-write-timeout", kindDuration, "5s", "Write timeout of peer connections."),
		m("compact-hash-check-time", kindDuration, "1m0s", "Interval of the compaction hash check."),
		m("downgrade-check-time", kindDuration, "5s", "Interval of the downgrade check."),
		m("enable-grpc-gateway", kindBool, "true", "JSON gateway; not in this release."),
		m("v2-deprecation", kindString, "write-only", "Stage of the v2 store's removal in etcd."),
		{name: "discovery-fallback", value: choice(&r.fallback, "exit", "proxy"), fate: moot, usage: "What to do when discovery fails; only 'exit'.", initial: "exit"},
	}
}

// laterSettings are the flags of features that petcd does not have yet.
func laterSettings() []setting {
	l := func(name string, k kind, def, usage string) setting {
		return setting{name: name, value: fixed(k, def), fate: later, usage: usage, initial: def}
	}
	return []setting{
		l("memory-mlock", kindBool, "false", "locking memory"),

		l("discovery-token", kindString, "", "discovery"),
		l("discovery-endpoints", kindString, "", "discovery"),
		l("discovery-dial-timeout", kindDuration, "2s", "discovery"),
		l("discovery-request-timeout", kindDuration, "5s", "discovery"),
		l("discovery-keepalive-time", kindDuration, "2s", "discovery"),
		l("discovery-keepalive-timeout", kindDuration, "6s", "discovery"),
		l("discovery-insecure-transport", kindBool, "true", "discovery"),
		l("discovery-insecure-skip-tls-verify", kindBool, "false", "discovery"),
		l("discovery-cert", kindString, "", "discovery"),
		l("discovery-key", kindString, "", "discovery"),
		l("discovery-cacert", kindString, "", "discovery"),
		l("discovery-user", kindString, "", "discovery"),
		l("discovery-password", kindString, "", "discovery"),
		l("discovery-srv", kindString, "", "discovery"),
		l("discovery-srv-name", kindString, "", "discovery"),

		l("cert-file", kindString, "", "TLS"),
		l("key-file", kindString, "", "TLS"),
		l("client-cert-file", kindString, "", "TLS"),
		l("client-key-file", kindString, "", "TLS"),
		l("client-cert-auth", kindBool, "false", "TLS"),
		l("client-crl-file", kindString, "", "TLS"),
		l("client-cert-allowed-hostname", kindList, "", "TLS"),
		l("trusted-ca-file", kindString, "", "TLS"),
		l("auto-tls", kindBool, "false", "TLS"),
		l("peer-cert-file", kindString, "", "TLS"),
		l("peer-key-file", kindString, "", "TLS"),
		l("peer-client-cert-file", kindString, "", "TLS"),
		l("peer-client-key-file", kindString, "", "TLS"),
		l("peer-client-cert-auth", kindBool, "false", "TLS"),
		l("peer-trusted-ca-file", kindString, "", "TLS"),
		l("peer-auto-tls", kindBool, "false", "TLS"),
		l("peer-crl-file", kindString, "", "TLS"),
		l("peer-cert-allowed-cn", kindList, "", "TLS"),
		l("peer-cert-allowed-hostname", kindList, "", "TLS"),
		l("peer-skip-client-san-verification", kindBool, "false", "TLS"),
		l("self-signed-cert-validity", kindNumber, "1", "TLS"),
		l("cipher-suites", kindList, "", "TLS"),
		l("tls-min-version", kindString, "TLS1.2", "TLS"),
		l("tls-max-version", kindString, "", "TLS"),

		l("cors", kindString, "*", "cross-origin rules"),
		l("host-whitelist", kindString, "*", "host name rules"),

		l("auth-token", kindString, "simple", "authentication"),
		l("bcrypt-cost", kindNumber, "10", "authentication"),
		l("auth-token-ttl", kindNumber, "300", "authentication"),

		l("enable-log-rotation", kindBool, "false", "log rotation"),
		l("log-rotation-config-json", kindString, defaultRotation, "log rotation"),
		l("enable-distributed-tracing", kindBool, "false", "tracing"),
		l("distributed-tracing-address", kindString, "localhost:4317", "tracing"),
		l("distributed-tracing-service-name", kindString, "etcd", "tracing"),
		l("distributed-tracing-instance-id", kindString, "", "tracing"),
		l("distributed-tracing-sampling-rate", kindNumber, "0", "tracing"),

		l("corrupt-check-time", kindDuration, "0s", "the periodic corruption check"),
	}
}

// defaultRotation is etcd's default for a flag that only counts together with
// --enable-log-rotation.
const defaultRotation = `{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}`

// silentlyIgnored are flags that etcd accepts and forgets, for command lines
// of its 0.x releases.
var silentlyIgnored = []string{
	"cluster-active-size", "cluster-remove-delay", "cluster-sync-interval",
	"config", "force", "max-result-buffer", "max-retry-attempts",
	"peer-heartbeat-interval", "peer-election-timeout", "retry-interval",
	"snapshot", "v", "vv",
}
