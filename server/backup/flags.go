package backup

import (
	"log/slog"
	"strings"

	"github.com/spf13/pflag"
)

// DefaultBump is how much a restore raises the revision unless told otherwise: more than a busy cluster writes between a
// backup and its loss, as etcd's documentation recommends.
const DefaultBump = 1_000_000_000

// RestoreFlags are the flags of `snapshot restore`, the same in etcdctl and etcdutl.
type RestoreFlags struct {
	fs *pflag.FlagSet

	dataDir, walDir string
	cluster, token  string
	peerURLs, name  string
	skipHashCheck   bool
	bump            uint64
	markCompacted   bool
	etcdWALDir      string
}

// Register adds the flags to a command's.
func (f *RestoreFlags) Register(fs *pflag.FlagSet) {
	f.fs = fs
	fs.StringVar(&f.dataDir, "data-dir", "", "directory to restore into, new or empty (default: the name with .etcd)")
	fs.StringVar(&f.walDir, "wal-dir", "", "directory for the log, a new one (default: in the data directory)")
	fs.StringVar(&f.cluster, "initial-cluster", "default=http://localhost:2380", "members of the new cluster, with their peer URLs")
	fs.StringVar(&f.token, "initial-cluster-token", "etcd-cluster", "token of the new cluster")
	fs.StringVar(&f.peerURLs, "initial-advertise-peer-urls", "http://localhost:2380", "peer URLs of this member")
	fs.StringVar(&f.name, "name", "default", "name of this member")
	fs.BoolVar(&f.skipHashCheck, "skip-hash-check", false, "take a database of etcd without a checksum, as one copied from a data directory, or with a wrong one")
	fs.StringVar(&f.etcdWALDir, "etcd-wal-dir", "", "the --wal-dir of the member of etcd whose data directory is restored, if it had one")
	fs.Uint64("initial-memory-map-size", 0, "accepted for etcd's sake; nothing is mapped here")
	fs.Uint64Var(&f.bump, "bump-revision", DefaultBump, "how much to raise the revision, so that clients notice the restore; 0: not at all, with --mark-compacted=false")
	fs.BoolVar(&f.markCompacted, "mark-compacted", true, "compact all before the raised revision; goes with --bump-revision")
}

// Config is what the flags ask to be done with a snapshot. Of the two flags on the revision one alone decides for both.
func (f *RestoreFlags) Config(path string, log *slog.Logger, meter *Meter) RestoreConfig {
	c := RestoreConfig{
		Path: path, EtcdWALDir: f.etcdWALDir, Name: f.name, DataDir: f.dataDir, WALDir: f.walDir,
		InitialCluster: f.cluster, Token: f.token, PeerURLs: strings.Split(f.peerURLs, ","),
		SkipHashCheck: f.skipHashCheck, BumpRevision: f.bump, MarkCompacted: f.markCompacted,
		Logger: log, Meter: meter,
	}
	if c.DataDir == "" {
		c.DataDir = f.name + ".etcd"
	}
	bump, mark := f.fs.Changed("bump-revision"), f.fs.Changed("mark-compacted")
	switch {
	case bump && !mark && f.bump == 0:
		c.MarkCompacted = false
	case mark && !bump && !f.markCompacted:
		c.BumpRevision = 0
	}
	return c
}
