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
		m("v2-deprecation", kindString, "write-only", "Stage of the v2 store's removal in etcd."),
		{name: "discovery-fallback", value: choice(&r.fallback, "exit", "proxy"), fate: moot, usage: "What to do when discovery fails; only 'exit'.", initial: "exit"},
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
