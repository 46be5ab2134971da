package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FeatureGates holds the state of etcd's server feature gates by name.
// Every known gate is present.
type FeatureGates map[string]bool

// gate describes one known feature gate.
type gate struct {
	name    string
	enabled bool
	stage   string
	does    string // what it changes in petcd
}

// gates lists etcd 3.7's gates, and one of 3.8, in the order of its help text. Those that tune
// something petcd does not have (the bbolt transaction buffer, a defragmentation
// that blocks) are accepted and change nothing. The corruption checks are on,
// unlike in etcd: package corruption paces them.
var gates = []gate{
	{name: "AutoPromoteLearners", stage: "ALPHA", does: "a learner that has caught up becomes a voter by itself; a gate of etcd 3.8"},
	{name: "CompactHashCheck", enabled: true, stage: "ALPHA", does: "the leader compares the members' hashes of what was compacted"},
	{name: "FastLeaseKeepAlive", enabled: true, stage: "BETA", does: "a keep-alive does not wait for a quorum"},
	{name: "InitialCorruptCheck", enabled: true, stage: "ALPHA", does: "a member compares its keys' hash with the others' before it serves"},
	{name: "LeaseCheckpoint", stage: "ALPHA", does: "the leader writes down how long leases have left, so that a new one goes on from there"},
	{name: "LeaseCheckpointPersist", stage: "ALPHA", does: "no effect of its own: what LeaseCheckpoint writes down is always kept"},
	{name: "PriorityRequest", stage: "ALPHA", does: "the end of a lease is proposed even while the state lags behind"},
	{name: "SetMemberLocalAddr", stage: "ALPHA", does: "connections to members start from the advertised peer address"},
	{name: "StopGRPCServiceOnDefrag", stage: "ALPHA", does: "health answers NOT_SERVING during a Defragment call"},
	{name: "TxnModeWriteWithSharedBuffer", enabled: true, stage: "BETA", does: "no effect: it tunes bbolt's transactions"},
}

// defaultGates is every known gate at its default.
func defaultGates() FeatureGates {
	g := make(FeatureGates, len(gates))
	for _, k := range gates {
		g[k.name] = k.enabled
	}
	return g
}

// Set applies "Name=bool,Name=bool". The pseudo gates AllAlpha and AllBeta set
// every gate of that stage which is not itself named.
func (g FeatureGates) Set(value string) error {
	named := map[string]bool{}
	for _, pair := range strings.Split(value, ",") {
		pair = strings.TrimSpace(pair)
		if pair == "" {
			continue
		}
		name, text, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !found {
			return fmt.Errorf("missing bool value for %s", name)
		}
		text = strings.TrimSpace(text)
		on, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("invalid value of %s=%s, err: %w", name, text, err)
		}
		named[name] = on
	}
	for name := range named {
		if _, known := g[name]; !known && name != "AllAlpha" && name != "AllBeta" {
			return fmt.Errorf("unrecognized feature gate: %s", name)
		}
	}
	for _, k := range gates {
		if on, ok := named["All"+k.stage[:1]+strings.ToLower(k.stage[1:])]; ok {
			g[k.name] = on
		}
		if on, ok := named[k.name]; ok {
			g[k.name] = on
		}
	}
	return nil
}

// String lists the gates as Set reads them, in name order.
func (g FeatureGates) String() string {
	pairs := make([]string, 0, len(g))
	for name, on := range g {
		pairs = append(pairs, name+"="+strconv.FormatBool(on))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// Each calls f for every gate in name order, with its stage ("ALPHA", "BETA").
func (g FeatureGates) Each(f func(name, stage string, enabled bool)) {
	for _, k := range gates {
		f(k.name, k.stage, g[k.name])
	}
}

// knownGates are the lines that --help shows under --feature-gates.
func knownGates() []string {
	lines := []string{
		"AllAlpha=true|false (ALPHA - default=false)",
		"AllBeta=true|false (BETA - default=false)",
	}
	for _, k := range gates {
		lines = append(lines, fmt.Sprintf("%s=true|false (%s - default=%t)", k.name, k.stage, k.enabled))
	}
	return lines
}
