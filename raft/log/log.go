package log

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"
)

// Log is the durable Raft log of one member.
type Log interface {
	// InitialState returns the newest hard state (nil when there is none). The conf state is always empty: it belongs
	// to the state machine.
	InitialState() (*raftpb.HardState, *raftpb.ConfState, error)

	// Entries returns entries of [lo, hi), at least one, at most about maxSize bytes. The slice belongs to the caller, the
	// entries must not be changed. Errors are the raft library's ErrCompacted and ErrUnavailable.
	Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error)

	// Term returns the term of the entry at index, also for the one before FirstIndex.
	Term(index uint64) (uint64, error)

	// FirstIndex is the index of the oldest entry kept; one above LastIndex when the log is empty.
	FirstIndex() (uint64, error)

	// LastIndex is the index of the newest entry.
	LastIndex() (uint64, error)

	// Append writes entries, replacing everything from the first one's index on, and the hard state (nil: unchanged) as
	// one atomic write. With sync it is durable on return, and so is everything written before it.
	Append(hs *raftpb.HardState, entries []*raftpb.Entry, sync bool) error

	// Reset empties the log, so that it begins after the snapshot meta describes. With a nil hard state term and vote
	// stay and the commit index becomes the snapshot's. Durable on return.
	Reset(meta *raftpb.SnapshotMetadata, hs *raftpb.HardState) error

	// Compact lets entries up to and including index go. Term(index) stays answerable. REQUIRES: index is applied, and
	// the state machine's copy of it is durable.
	Compact(index uint64) error

	// Bootstrap writes a new cluster's first entries and hard state into an empty log. Durable on return.
	Bootstrap(entries []*raftpb.Entry, hs *raftpb.HardState) error

	// Metadata returns what SetMetadata stored last, nil when nothing was.
	Metadata() []byte

	// SetMetadata stores an opaque record (the member's and the cluster's identity). Durable on return.
	SetMetadata(data []byte) error

	// Close releases the folder. Nothing may be called afterwards.
	Close() error
}

// Options are Open's settings; the zero value is usable.
type Options struct {
	// FS is the file system, vfs.Default when nil.
	FS vfs.FS
	// Logger receives the store's own messages; nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer
	// FailoverDir, on another disk, receives what is written while the main disk stalls. A log that was opened with
	// it once must always be opened with it.
	FailoverDir string
	// UnsafeNoSync leaves out all syncs: a crash of the machine may lose what was acknowledged, and the log with it.
	UnsafeNoSync bool
	// TailBytesMax bounds the entries kept in memory (default 8 MiB): each is looked at by every garbage collection.
	TailBytesMax uint64

	segmentBytes int64    // segmentBytes but in tests
	patience     patience // normalPatience but in tests
}

// withDefaults fills what was left out.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.UnsafeNoSync {
		o.FS = noSyncFS{o.FS}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TailBytesMax == 0 {
		o.TailBytesMax = 8 << 20
	}
	if o.segmentBytes == 0 {
		o.segmentBytes = segmentBytes
	}
	if o.patience == (patience{}) {
		o.patience = normalPatience
	}
	return o
}
