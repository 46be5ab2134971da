package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// Restoration is a data directory to be made for a member of a new cluster that goes on with something saved.
type Restoration struct {
	FS              vfs.FS // nil: the disk
	DataDir, WALDir string // an empty WALDir: in DataDir
	Name            string // of the member, one of InitialCluster's
	InitialCluster  types.URLsMap
	Token           string

	Fill storage.Filling
	// Edit fits the state to what it is restored for; the members are already those of the new cluster.
	Edit func(*storage.Edit) error

	Logger *slog.Logger // nil: discards
}

// restoring ends the name of a folder that is not whole yet.
const restoring = ".restoring"

// ErrNotEmpty is returned for a folder to restore into that holds something.
var ErrNotEmpty = errors.New("not empty or could not be read")

// Restore makes the directory. The state says that the founders' additions are applied, and the log begins after them: so
// whoever joins later gets a snapshot, which holds what no log entry does. All founders must be restored from the same file.
// On error nothing is left of what it made.
func Restore(r Restoration) (err error) {
	if r.FS == nil {
		r.FS = vfs.Default
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	if r.WALDir != "" {
		r.WALDir = filepath.Clean(r.WALDir) // a name is made by adding to it
	}
	made, err := r.prepare()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			for _, dir := range made {
				err = errors.Join(err, r.FS.RemoveAll(dir))
			}
		}
	}()
	cluster, founders, err := membership.Found(r.InitialCluster, r.Token)
	if err != nil {
		return err
	}
	meta := foundedAt(founders)
	if err := r.state(cluster, founders, meta); err != nil {
		return err
	}
	if err := r.log(&identity{MemberID: memberNamed(founders, r.Name).ID, ClusterID: cluster}, meta); err != nil {
		return err
	}
	return r.publish()
}

// member is the folder that is made, under the name it has until it is whole.
func (r *Restoration) member() string { return r.FS.PathJoin(r.DataDir, "member"+restoring) }

// prepare makes the folders. It returns what must be removed should the rest fail.
func (r *Restoration) prepare() (made []string, err error) {
	names, err := r.FS.List(r.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		made = append(made, r.DataDir)
	case err != nil || len(names) > 0:
		return nil, fmt.Errorf("data-dir %q %w", r.DataDir, ErrNotEmpty)
	default:
		made = append(made, r.member(), r.FS.PathJoin(r.DataDir, "member"))
	}
	if r.WALDir != "" {
		for _, dir := range []string{r.WALDir, r.WALDir + restoring} {
			if exists(r.FS, dir) {
				return nil, fmt.Errorf("wal-dir %q exists", dir)
			}
			made = append(made, dir)
		}
	}
	for _, dir := range []string{r.DataDir, r.member()} {
		if err := makeDir(r.FS, dir); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// foundedAt describes the state of a cluster that has done nothing but to add its founders.
func foundedAt(founders []*membership.Member) *raftpb.SnapshotMetadata {
	conf := &raftpb.ConfState{}
	for _, m := range founders {
		conf.Voters = append(conf.Voters, m.ID)
	}
	index, term := uint64(len(founders)), uint64(1)
	return &raftpb.SnapshotMetadata{ConfState: conf, Index: &index, Term: &term}
}

// state makes the state.
func (r *Restoration) state(cluster uint64, founders []*membership.Member, meta *raftpb.SnapshotMetadata) error {
	dir := r.FS.PathJoin(r.member(), "state")
	return storage.Restore(dir, storage.Options{FS: r.FS, Logger: r.Logger}, r.Fill, func(e *storage.Edit) error {
		if err := membership.Begin(e, cluster, founders); err != nil {
			return err
		}
		if err := putConfState(e, meta.GetConfState()); err != nil {
			return err
		}
		e.SetApplied(meta.GetIndex(), meta.GetTerm())
		return r.Edit(e)
	})
}

// log makes the log, which is empty and begins after meta.
func (r *Restoration) log(id *identity, meta *raftpb.SnapshotMetadata) (err error) {
	dir := r.FS.PathJoin(r.member(), "log")
	if r.WALDir != "" {
		dir = r.WALDir + restoring
	}
	record, err := json.Marshal(id)
	if err != nil {
		return err
	}
	l, err := log.Open(dir, log.Options{FS: r.FS, Logger: r.Logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.SetMetadata(record); err != nil {
		return err
	}
	return l.Reset(meta, hardState(meta.GetTerm(), 0, meta.GetIndex()))
}

// publish gives the folders their names. The member's own comes last: it is what a start looks for.
func (r *Restoration) publish() error {
	if r.WALDir != "" {
		if err := rename(r.FS, r.WALDir+restoring, r.WALDir); err != nil {
			return err
		}
	}
	if err := syncDir(r.FS, r.member()); err != nil {
		return err
	}
	return rename(r.FS, r.member(), r.FS.PathJoin(r.DataDir, "member"))
}

// rename renames a folder durably.
func rename(fs vfs.FS, from, to string) error {
	if err := fs.Rename(from, to); err != nil {
		return fmt.Errorf("replica: restore: %w", err)
	}
	return syncDir(fs, filepath.Dir(to))
}
