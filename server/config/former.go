package config

import (
	"fmt"
	"strconv"
)

// formerFlags are the names that etcd 3.4 to 3.6 had for flags of today.
var formerFlags = [][2]string{
	{"experimental-backend-bbolt-freelist-type", "backend-bbolt-freelist-type"},
	{"experimental-bootstrap-defrag-threshold-megabytes", "bootstrap-defrag-threshold-megabytes"},
	{"experimental-compact-hash-check-time", "compact-hash-check-time"},
	{"experimental-compaction-batch-limit", "compaction-batch-limit"},
	{"experimental-compaction-sleep-interval", "compaction-sleep-interval"},
	{"experimental-corrupt-check-time", "corrupt-check-time"},
	{"experimental-distributed-tracing-address", "distributed-tracing-address"},
	{"experimental-distributed-tracing-instance-id", "distributed-tracing-instance-id"},
	{"experimental-distributed-tracing-sampling-rate", "distributed-tracing-sampling-rate"},
	{"experimental-distributed-tracing-service-name", "distributed-tracing-service-name"},
	{"experimental-downgrade-check-time", "downgrade-check-time"},
	{"experimental-enable-distributed-tracing", "enable-distributed-tracing"},
	{"experimental-memory-mlock", "memory-mlock"},
	{"experimental-peer-skip-client-san-verification", "peer-skip-client-san-verification"},
	{"experimental-snapshot-catchup-entries", "snapshot-catchup-entries"},
	{"experimental-warning-apply-duration", "warning-apply-duration"},
	{"experimental-warning-unary-request-duration", "warning-unary-request-duration"},
	{"experimental-watch-progress-notify-interval", "watch-progress-notify-interval"},
}

// formerGates are the flags that etcd 3.6 made feature gates of.
var formerGates = [][2]string{
	{"experimental-compact-hash-check-enabled", "CompactHashCheck"},
	{"experimental-enable-lease-checkpoint", "LeaseCheckpoint"},
	{"experimental-enable-lease-checkpoint-persist", "LeaseCheckpointPersist"},
	{"experimental-initial-corrupt-check", "InitialCorruptCheck"},
	{"experimental-stop-grpc-service-on-defrag", "StopGRPCServiceOnDefrag"},
	{"experimental-txn-mode-write-with-shared-buffer", "TxnModeWriteWithSharedBuffer"},
}

// gatesFlag is how a former name's present one begins when it is a gate.
const gatesFlag = "feature-gates="

// formerSettings are the old names: each sets what its present name sets.
func formerSettings(sections []section, c *Config, r *raw) []setting {
	present := map[string]setting{}
	for _, sec := range sections {
		for _, st := range sec.settings {
			present[st.name] = st
		}
	}
	var all []setting
	for _, f := range formerFlags {
		st := present[f[1]]
		all = append(all, setting{name: f[0], value: st.value, fate: former, initial: st.initial, now: f[1]})
	}
	for _, f := range formerGates {
		v := gateValue(c.FeatureGates, f[1])
		all = append(all, setting{name: f[0], value: v, fate: former, initial: v.String(), now: gatesFlag + f[1]})
	}
	return append(all, setting{name: "debug", value: boolean(&r.debug), fate: former, initial: "false", now: "log-level=debug"})
}

// gateValue is one gate as a flag of its own.
func gateValue(g FeatureGates, name string) *value {
	set := func(s string) error {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return errParse
		}
		g[name] = on
		return nil
	}
	return &value{kindBool, set, func() string { return strconv.FormatBool(g[name]) }}
}

// checkFormer refuses a setting that is given under both of its names: one of
// the two values would silently be dead.
func (p *parser) checkFormer(st setting) error {
	if st.fate != former || !p.isSet(st.name) {
		return nil
	}
	p.notice(true, fmt.Sprintf("--%s is deprecated. Use '--%s' instead.", st.name, st.now))
	for _, f := range formerGates {
		if f[0] == st.name && p.raw.namedGates[f[1]] {
			now := fmt.Sprintf("--%s%s=%t", gatesFlag, f[1], p.config.FeatureGates[f[1]])
			return fmt.Errorf("cannot specify both flags: --%s=%s and %s at the same time, please just use %s", st.name, st.value, now, now)
		}
	}
	if p.isSet(st.now) {
		return fmt.Errorf("cannot set --%s and --%s at the same time, please use --%s only", st.name, st.now, st.now)
	}
	return nil
}
