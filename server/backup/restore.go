package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/etcddir"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// RestoreConfig says what to restore, and for which member of which cluster. The cluster's strings are as on the command
// line.
type RestoreConfig struct {
	Path            string // the snapshot, or a data directory of etcd
	EtcdWALDir      string // of that data directory; empty: in it
	Name            string
	DataDir, WALDir string // an empty WALDir: in DataDir
	InitialCluster  string
	Token           string
	PeerURLs        []string // that this member advertises
	SkipHashCheck   bool     // take etcd's database without a sum, or with a wrong one

	// BumpRevision is added to the newest revision, and with MarkCompacted all before the sum is compacted: then clients that
	// have seen more of the old cluster than was saved notice. Both or none.
	BumpRevision  uint64
	MarkCompacted bool

	Logger *slog.Logger
	Meter  *Meter // may be nil
}

// Restore makes a data directory of a snapshot. Every member of the new cluster is restored from the same file.
func Restore(ctx context.Context, c RestoreConfig) (err error) {
	if c.MarkCompacted != (c.BumpRevision > 0) {
		return ErrBump
	}
	cluster, err := c.cluster(ctx)
	if err != nil {
		return err
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	attrs := []any{"path", c.Path, "wal-dir", c.WALDir, "data-dir", c.DataDir}
	c.Logger.Info("restoring snapshot", attrs...)
	if err := s.verify(c.SkipHashCheck); err != nil {
		return err
	}
	err = replica.Restore(replica.Restoration{
		DataDir: c.DataDir, WALDir: c.WALDir, Name: c.Name, InitialCluster: cluster, Token: c.Token,
		Fill: s.filling(),
		Edit: func(e *storage.Edit) error { return c.edit(s, e) },
	})
	if err != nil {
		return err
	}
	c.Logger.Info("restored snapshot", attrs...)
	if s.db != nil && s.etcd == nil {
		c.Logger.Warn("a snapshot file of etcd has no keys and users of API 2; if there were any, restore the data directory of the stopped member instead",
			"path", c.Path)
	}
	return nil
}

// open opens what is to be restored.
func (c *RestoreConfig) open() (*source, error) {
	if info, err := os.Stat(c.Path); err == nil && info.IsDir() {
		if !etcddir.Is(c.Path) {
			return nil, fmt.Errorf("%s: %w", c.Path, ErrDirectory)
		}
		return openEtcd(c.Path, c.EtcdWALDir, c.Meter)
	}
	return openSource(c.Path, c.Meter)
}

// cluster reads and checks who the members will be.
func (c *RestoreConfig) cluster(ctx context.Context) (types.URLsMap, error) {
	urls, err := types.NewURLs(c.PeerURLs)
	if err != nil {
		return nil, err
	}
	cluster, err := types.NewURLsMap(c.InitialCluster)
	if err != nil {
		return nil, err
	}
	member := config.Config{Name: c.Name, AdvertisePeerURLs: urls, InitialCluster: cluster, InitialClusterToken: c.Token}
	return cluster, member.VerifyBootstrap(ctx)
}

// edit brings over what etcd's database holds beside keys and leases, and bumps the revision.
func (c *RestoreConfig) edit(s *source, e *storage.Edit) error {
	if s.db != nil && len(s.tail) == 0 { // with a tail, it went on from them
		if err := importRecords(s.db, e); err != nil {
			return err
		}
	}
	if s.etcd != nil {
		if err := importTree(s.etcd, e.V2()); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	if c.BumpRevision == 0 {
		return nil
	}
	before := e.Revision()
	if err := e.Bump(int64(min(c.BumpRevision, math.MaxInt64))); err != nil {
		return err
	}
	c.Logger.Info("bumping latest revision", "latest-revision", before, "bump-amount", c.BumpRevision,
		"new-latest-revision", e.Revision())
	c.Logger.Info("marking revision compacted", "revision", e.Revision())
	return nil
}
