package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// dataDir is where a member keeps everything: below member/, the log in log/ and the state in state/. The file installing
// beside them names the index of a snapshot whose installation began: should the state turn out to be ahead of the log,
// that explains it.
type dataDir struct {
	fs            vfs.FS
	member        string
	logDir, state string
	lock          io.Closer
}

// openDataDir makes the data directory if it is new, and locks it against a second process. It refuses, before it touches
// anything, one that a real etcd wrote and one that a restore left unfinished.
func openDataDir(fs vfs.FS, dir, walDir string) (*dataDir, error) {
	d := &dataDir{fs: fs, member: fs.PathJoin(dir, "member")}
	d.state = fs.PathJoin(d.member, "state")
	d.logDir = logDir(fs, dir, walDir)
	if unfinished := d.member + restoring; exists(fs, unfinished) {
		return nil, fmt.Errorf("%w: %s is there; clear %s", ErrUnfinishedRestore, unfinished, dir)
	}
	if err := refuseEtcd(fs, dir, d.logDir); err != nil {
		return nil, err
	}
	for _, made := range []string{dir, d.member} {
		if err := makeDir(fs, made); err != nil {
			return nil, err
		}
	}
	lock, err := fs.Lock(fs.PathJoin(d.member, "lock"))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrLocked, dir, err)
	}
	d.lock = lock
	if err := d.barEtcd(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// refuseEtcd fails when a real etcd wrote the data directory or the log.
func refuseEtcd(fs vfs.FS, dir, logDir string) error {
	for _, theirs := range []string{"snap", "wal"} {
		if info, err := fs.Stat(fs.PathJoin(dir, "member", theirs)); err == nil && info.IsDir() {
			return fmt.Errorf("%w: %s was written by etcd; \"etcdutl snapshot restore\" makes a directory for petcd of it", ErrForeign, dir)
		}
	}
	if names, err := fs.List(logDir); err == nil {
		for _, name := range names {
			if strings.HasSuffix(name, ".wal") {
				return fmt.Errorf("%w: %s holds etcd's write-ahead log", ErrForeign, logDir)
			}
		}
	}
	return nil
}

// logDir is where the log of a data directory is.
func logDir(fs vfs.FS, dir, walDir string) string {
	if walDir != "" {
		return walDir
	}
	return fs.PathJoin(dir, "member", "log")
}

// barText is for whoever looks why etcd does not start here.
const barText = "This data directory is petcd's. etcd cannot read it, and would begin an empty one beside it;\n" +
	"this file stands where etcd makes a directory, so that it stops instead.\n"

// barEtcd puts a file where etcd wants a directory. Without it, etcd's binary started here by mistake would find nothing of
// its own and serve an empty store under this member's name.
func (d *dataDir) barEtcd() error {
	path := d.fs.PathJoin(d.member, "snap")
	if exists(d.fs, path) {
		return nil
	}
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("replica: bar the data directory to etcd: %w", err)
	}
	_, err = f.Write([]byte(barText))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("replica: bar the data directory to etcd: %w", err)
	}
	return syncDir(d.fs, d.member)
}

// exists tells that something has a name.
func exists(fs vfs.FS, path string) bool {
	_, err := fs.Stat(path)
	return err == nil
}

// makeDir makes a directory that only its owner may enter, those above it that are missing, and their names durable. An
// existing one keeps its mode.
func makeDir(fs vfs.FS, dir string) error {
	if exists(fs, dir) {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("replica: make data directory: %w", err)
	}
	return syncDir(fs, filepath.Dir(dir))
}

func syncDir(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("replica: sync directory: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *dataDir) installPath() string { return d.fs.PathJoin(d.member, "installing") }

// beginInstall notes durably that a snapshot of index is about to be installed.
func (d *dataDir) beginInstall(index uint64) error {
	f, err := d.fs.Create(d.installPath(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("replica: note snapshot installation: %w", err)
	}
	_, err = f.Write([]byte(strconv.FormatUint(index, 10)))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("replica: note snapshot installation: %w", err)
	}
	return syncDir(d.fs, d.member)
}

// installing returns the index of the last snapshot whose installation began, 0 when there was none.
func (d *dataDir) installing() (uint64, error) {
	f, err := d.fs.Open(d.installPath())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("replica: read note of snapshot installation: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, fmt.Errorf("replica: read note of snapshot installation: %w", err)
	}
	index, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return 0, nil // torn: the installation never began
	}
	return index, nil
}

func (d *dataDir) close() error { return d.lock.Close() }

// identity is what the log's metadata says of its owner, as JSON. Founders are the first members of a new cluster, whose
// additions are the log's first entries. Peers are those that a joining member knew at first, until the log tells it more.
type identity struct {
	MemberID  uint64          `json:"member_id"`
	ClusterID uint64          `json:"cluster_id"`
	Founders  json.RawMessage `json:"founders,omitempty"`
	Peers     json.RawMessage `json:"peers,omitempty"`
	// RegainVote is set for a member that lost its log, had a vote, and joined again as a learner.
	RegainVote bool `json:"regain_vote,omitempty"`
}

// decodeIdentity reads it.
func decodeIdentity(record []byte) (*identity, error) {
	id := &identity{}
	if err := json.Unmarshal(record, id); err != nil || id.MemberID == 0 {
		return nil, fmt.Errorf("%w: metadata of the log", ErrCorrupt)
	}
	return id, nil
}
