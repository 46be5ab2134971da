package config

// mootSettings are etcd's knobs for its own storage and for features that were
// removed.
func mootSettings(r *raw) []setting {
	m := func(name string, k kind, def, usage, why string) setting {
		return setting{name: name, value: fixed(k, def), fate: moot, usage: usage, initial: def, why: why}
	}
	const (
		bbolt   = "it tunes bbolt; petcd stores in Pebble"
		v2proxy = "it tunes the v2 proxy, which etcd removed in 3.6"
		streams = "peer streams carry their own heartbeats and deadlines"
	)
	return []setting{
		m("max-snapshots", kindCount, "5", "Number of snapshot files to retain.", "petcd keeps one state and no snapshot files"),
		m("max-wals", kindCount, "5", "Number of wal files to retain.", "the log's files go as soon as nobody needs them"),
		m("backend-bbolt-freelist-type", kindString, "", "Freelist type of bbolt.", bbolt),
		m("backend-batch-interval", kindDuration, "0s", "Commit interval of bbolt.", bbolt),
		m("backend-batch-limit", kindNumber, "0", "Commit size of bbolt.", bbolt),
		m("bootstrap-defrag-threshold-megabytes", kindCount, "0", "Defragment bbolt at start.", "space comes back in the background"),
		m("raft-read-timeout", kindDuration, "5s", "Read timeout of peer connections.", streams),
		m("raft-write-timeout", kindDuration, "5s", "Write timeout of peer connections.", streams),
		{
			name: "v2-deprecation", value: choice(new(string), "", "not-yet", "write-only", "write-only-drop-data", "gone"),
			fate: moot, usage: "Stage of the v2 store's removal in etcd.", why: "etcd 3.6 and later take no notice of it either",
		},
		{
			name: "discovery-fallback", value: choice(&r.fallback, "exit", "proxy"), fate: moot, initial: "exit",
			usage: "What to do when discovery fails; 'proxy' is refused, as by etcd 3.6.", why: "'exit' is what happens",
		},
		m("discovery-proxy", kindString, "", "HTTP proxy on the way to the v2 discovery service.", "there is no v2 discovery"),
		m("log-package-levels", kindString, "", "Log levels of single packages.", "--log-level is the level of all"),
		m("proxy-failure-wait", kindCount, "5000", "Milliseconds that a failed endpoint is left alone.", v2proxy),
		m("proxy-refresh-interval", kindCount, "30000", "Milliseconds between two refreshes of the endpoints.", v2proxy),
		m("proxy-dial-timeout", kindCount, "1000", "Milliseconds to connect to an endpoint.", v2proxy),
		m("proxy-write-timeout", kindCount, "5000", "Milliseconds for a write.", v2proxy),
		m("proxy-read-timeout", kindCount, "0", "Milliseconds for a read.", v2proxy),
	}
}

// refusedSettings are flags of earlier releases that ask for what petcd does
// not do. To run without it silently would be worse than not to run.
func refusedSettings() []setting {
	off := "off"
	return []setting{
		refuse(setting{name: "experimental-enable-v2v3", value: fixed(kindString, ""), usage: "Serve the v2 API from this prefix of v3's keys."},
			"the v2 API has a tree of its own; etcd removed the emulation on v3's keys in 3.6"),
		refuse(setting{name: "proxy", value: choice(&off, "off", "readonly", "on"), usage: "Run as a v2 proxy: 'off', 'readonly' or 'on'.", initial: off},
			"etcd removed the v2 proxy in 3.6"),
		refuse(setting{name: "discovery", value: fixed(kindString, ""), usage: "URL of a v2 discovery service."},
			"etcd removed v2 discovery in 3.7"),
	}
}

// defaultRotation is etcd's default for a flag that only counts together with
// --enable-log-rotation.
const defaultRotation = `{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}`

// silentlyIgnored are flags that etcd accepts and forgets, for command lines
// of its 0.x releases and of its own coverage runs.
var silentlyIgnored = []string{
	"cluster-active-size", "cluster-remove-delay", "cluster-sync-interval",
	"config", "force", "max-result-buffer", "max-retry-attempts",
	"peer-heartbeat-interval", "peer-election-timeout", "retry-interval",
	"snapshot", "v", "vv", "test.coverprofile", "test.outputdir",
}
