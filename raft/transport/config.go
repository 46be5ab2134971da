package transport

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"
)

// Limits and intervals. Times are etcd's.
const (
	ioTimeout       = 5 * time.Second        // a stream that is silent for so long is dead
	heartbeatEvery  = ioTimeout / 3          // of an idle stream
	redialEvery     = 100 * time.Millisecond // of a stream that isn't there
	dialTimeout     = 2 * time.Second
	snapshotTimeout = 30 * time.Second // without any progress
	answerTimeout   = 10 * time.Minute // between a request's end and its answer: the receiver stages a state
	probeEvery      = ioTimeout - time.Second

	streamQueueMax   = 4096
	pipelineQueueMax = 64
	pipelineWorkers  = 2
	remotesMax       = 64

	messageBytesMax  = 512 << 20 // a message on a stream
	pipelineBytesMax = 64 << 20  // a message posted
	envelopeBytesMax = 64 << 20  // the message before a state
	replyBytesMax    = 64 << 10
)

// Raft is the member the transport serves. None of its methods may wait for the network.
type Raft interface {
	Step(ctx context.Context, m *raftpb.Message) error
	ReportUnreachable(id uint64)
	ReportSnapshot(id uint64, ok bool)
	// IsIDRemoved tells whether a member was removed from the cluster for good.
	IsIDRemoved(id uint64) bool
}

// Snapshots gives and takes whole states.
type Snapshots interface {
	// Open returns the state as it is now; its index may be newer than the one raft asked for. The reader's Close ends
	// what reads the state and waits for that. It is called more than once, from two goroutines.
	Open() (*raftpb.SnapshotMetadata, io.ReadCloser, error)
	// Receive stages a state durably. What it returns becomes the Data of the message's snapshot.
	Receive(ctx context.Context, m *raftpb.Message, r io.Reader) ([]byte, error)
}

// Config is what a Transport is made of. ID, ClusterID, Raft and Snapshots are required.
type Config struct {
	// ID is this member's id.
	ID uint64
	// ClusterID is the cluster's; requests of any other cluster are refused.
	ClusterID uint64
	// Version is this server's version and MinClusterVersion the lowest it can talk to, as major.minor.patch.
	Version, MinClusterVersion string
	// Raft receives messages and reports.
	Raft Raft
	// Snapshots gives and takes states.
	Snapshots Snapshots
	// Dial is the network seam; nil means net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS makes the configuration of a connection to an https URL at host; nil trusts the system's CAs.
	TLS func(host string) *tls.Config
	// PeerURLs returns this member's advertised peer URLs.
	PeerURLs func() []string
	// Removed is called when a peer says that this member was removed from the cluster; it may be called often.
	Removed func()
	// Filter, when set, is asked for every message and snapshot: false drops it, at the sender and at the receiver. Tests
	// cut links with it.
	Filter func(from, to uint64) bool
	// Logger receives the transport's messages; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer
}

// passes asks the filter.
func (c *Config) passes(from, to uint64) bool { return c.Filter == nil || c.Filter(from, to) }

// hexID is how ids are written in URLs, headers and metrics.
func hexID(id uint64) string { return strconv.FormatUint(id, 16) }
