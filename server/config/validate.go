package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// MinWatchProgressInterval is the shortest interval at which watches are told
// their progress.
const MinWatchProgressInterval = 100 * time.Millisecond

// maxSamplingRate is the most that can be traced: a million of a million.
const maxSamplingRate = 1_000_000

// logLevels are the levels etcd's --log-level takes.
var logLevels = map[string]bool{
	"debug": true, "info": true, "warn": true, "error": true,
	"dpanic": true, "panic": true, "fatal": true, "": true,
}

// Validate checks the settings one by one and against each other, in etcd's
// order and with etcd's words.
func (c *Config) Validate() error {
	if !logLevels[strings.ToLower(c.LogLevel)] {
		return fmt.Errorf("unrecognized level: %q", c.LogLevel)
	}
	switch c.LogFormat {
	case "json", "console", "":
	default:
		return fmt.Errorf("unknown log format: %s, supported values json, console", c.LogFormat)
	}
	if err := c.checkLogOutputs(); err != nil {
		return err
	}
	for _, us := range [][]url.URL{c.ListenPeerURLs, c.ListenClientURLs, c.ListenClientHTTPURLs, c.ListenMetricsURLs} {
		if err := checkBindURLs(us); err != nil {
			return err
		}
	}
	if err := checkHostURLs(c.AdvertisePeerURLs); err != nil {
		return fmt.Errorf(`--initial-advertise-peer-urls %q must be "host:port" (%w)`, types.URLs(c.AdvertisePeerURLs), err)
	}
	if err := checkHostURLs(c.AdvertiseClientURLs); err != nil {
		return fmt.Errorf(`--advertise-client-urls %q must be in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket" (%w)`, types.URLs(c.AdvertiseClientURLs), err)
	}
	if c.InitialClusterState != ClusterStateNew && c.InitialClusterState != ClusterStateExisting {
		return fmt.Errorf("unexpected clusterState %q", c.InitialClusterState)
	}
	if err := c.checkDiscovery(); err != nil {
		return err
	}
	if err := c.checkTimes(); err != nil {
		return err
	}
	if len(c.ListenClientURLs) > 0 && len(c.AdvertiseClientURLs) == 0 {
		return ErrAdvertiseClientURLs
	}
	switch c.AutoCompactionMode {
	case CompactionPeriodic, CompactionRevision:
	case "":
		return errors.New("undefined auto-compaction-mode")
	default:
		return fmt.Errorf("unknown auto-compaction-mode %q", c.AutoCompactionMode)
	}
	if r := c.Tracing.SamplingRate; c.Tracing.Enabled && (r < 0 || r > maxSamplingRate) {
		return fmt.Errorf("--distributed-tracing-sampling-rate must be from 0 to %d (set to %d)", maxSamplingRate, r)
	}
	if c.FeatureGates["LeaseCheckpointPersist"] && !c.FeatureGates["LeaseCheckpoint"] {
		return errors.New("enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint")
	}
	if c.CompactHashCheckTime <= 0 {
		return fmt.Errorf("--compact-hash-check-time must be >0 (set to %v)", c.CompactHashCheckTime)
	}
	if err := c.checkSecurity(); err != nil {
		return err
	}
	return c.checkLimits()
}

// checkTimes keeps Raft's two intervals in a proportion that can elect.
func (c *Config) checkTimes() error {
	heartbeat, election := c.HeartbeatInterval.Milliseconds(), c.ElectionTimeout.Milliseconds()
	switch {
	case heartbeat <= 0:
		return fmt.Errorf("--heartbeat-interval must be >0 (set to %dms)", heartbeat)
	case election <= 0:
		return fmt.Errorf("--election-timeout must be >0 (set to %dms)", election)
	case heartbeat > election/5:
		return fmt.Errorf("--election-timeout[%vms] should be at least as 5 times as --heartbeat-interval[%vms]", election, heartbeat)
	case election > electionMax.Milliseconds():
		return fmt.Errorf("--election-timeout[%vms] is too long, and should be set less than %vms", election, electionMax.Milliseconds())
	}
	return nil
}

// checkLimits refuses numbers that would stop the member later.
func (c *Config) checkLimits() error {
	switch {
	case c.MaxRequestBytes > maxRequestBytes:
		return fmt.Errorf("--max-request-bytes must be at most %d (set to %d)", maxRequestBytes, c.MaxRequestBytes)
	case c.CorruptCheckTime < 0:
		return fmt.Errorf("--corrupt-check-time must be >=0 (set to %v)", c.CorruptCheckTime)
	case c.CompactionBatchLimit < 0:
		return fmt.Errorf("--compaction-batch-limit must be >=0 (set to %d)", c.CompactionBatchLimit)
	case c.CompactionSleepInterval < 0:
		return fmt.Errorf("--compaction-sleep-interval must be >=0 (set to %v)", c.CompactionSleepInterval)
	case c.WatchProgressNotifyInterval < 0:
		return fmt.Errorf("--watch-progress-notify-interval must be >=0 (set to %v)", c.WatchProgressNotifyInterval)
	case c.GRPCKeepAliveMinTime < 0 || c.GRPCKeepAliveInterval < 0 || c.GRPCKeepAliveTimeout < 0:
		return errors.New("--grpc-keepalive-* must not be negative")
	case c.Metrics != "basic" && c.Metrics != "extensive":
		return fmt.Errorf("unknown --metrics %q, supported values basic, extensive", c.Metrics)
	case c.WALFailoverDir != "" && c.WALFailoverDir == c.WALDir:
		return errors.New("--wal-failover-dir must differ from --wal-dir")
	case strings.ContainsRune(c.Name, 0) || strings.ContainsRune(c.DataDir, 0):
		return errors.New("--name and --data-dir must not contain a zero byte")
	}
	return nil
}

// maxRequestBytes is the largest request that gRPC and a Raft message of one
// entry still carry, with room for their own framing.
const maxRequestBytes = 512 << 20

// setRetention reads --auto-compaction-retention by the mode: whole numbers
// are hours or revisions, anything else a duration.
func (c *Config) setRetention(text string) error {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		if c.AutoCompactionMode == CompactionRevision {
			c.AutoCompactionRevisions = int64(n)
			return nil
		}
		if int64(n) > int64(1<<63-1)/int64(time.Hour) {
			return fmt.Errorf("error parsing CompactionRetention: %q is too long", text)
		}
		c.AutoCompactionRetention = time.Duration(n) * time.Hour
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("error parsing CompactionRetention: %w", err)
	}
	if d < 0 {
		// etcd takes it and compacts everything, again and again.
		return fmt.Errorf("error parsing CompactionRetention: %q is negative", text)
	}
	if c.AutoCompactionMode == CompactionRevision {
		return fmt.Errorf("error parsing CompactionRetention: %q is not a number of revisions", text)
	}
	c.AutoCompactionRetention = d
	return nil
}

// checkBindURLs refuses names: what a name means may change between two
// starts, and a listener needs an address.
func checkBindURLs(us []url.URL) error {
	for _, u := range us {
		if u.Scheme == "unix" || u.Scheme == "unixs" {
			continue
		}
		host, _, err := net.SplitHostPort(u.Host)
		if err != nil {
			return err
		}
		if host != "localhost" && net.ParseIP(host) == nil {
			return fmt.Errorf("expected IP in URL for binding (%s)", u.String())
		}
	}
	return nil
}

// checkHostURLs refuses an address that nobody else could connect to.
func checkHostURLs(us []url.URL) error {
	for _, u := range us {
		if u.Scheme == "unix" || u.Scheme == "unixs" {
			continue
		}
		host, _, err := net.SplitHostPort(u.Host)
		if err != nil {
			return err
		}
		if host == "" {
			return fmt.Errorf("unexpected empty host (%s)", u.String())
		}
	}
	return nil
}
