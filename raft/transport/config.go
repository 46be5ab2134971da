package transport

import (
	"context"
	"io"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"
)

// Raft is the member the transport serves.
type Raft interface {
	Step(ctx context.Context, m *raftpb.Message) error
	ReportUnreachable(id uint64)
	ReportSnapshot(id uint64, ok bool)
	// IsIDRemoved tells whether a member was removed from the cluster for good.
	IsIDRemoved(id uint64) bool
}

// Snapshots gives and takes whole states.
type Snapshots interface {
	// Open returns the state as it is now; its index may be newer than the one raft asked for.
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
	// PeerURLs returns this member's advertised peer URLs.
	PeerURLs func() []string
	// Filter, when set, is asked for every message: false drops it, at the sender and at the receiver. Tests cut links
	// with it.
	Filter func(from, to uint64) bool
	// Logger receives the transport's messages; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer
}
