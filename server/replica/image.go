package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/crashimage"
	"github.com/petcd/petcd/storage"
)

// errTwoMoments says that the copies of a log and of a state do not fit together, because a snapshot was installed or
// entries were replaced between them.
var errTwoMoments = errors.New("replica: the data directory changed while it was copied")

// ErrSecondFolder says that a member's log lies in two folders, which cannot be copied while it is written.
var ErrSecondFolder = errors.New("replica: the log was written with --wal-failover-dir")

// imageTriesMax bounds how often a data directory is copied until its parts fit together.
const imageTriesMax = 5

// FromDirectory fills a state with all that a member's data directory holds: its state, and what its log holds after that,
// committed or not, as StandAlone does. A server may be using the directory; it is only read. What was acknowledged by this
// member before the call is in it. An empty walDir means that the log is in dataDir.
func FromDirectory(fs vfs.FS, dataDir, walDir string, logger *slog.Logger) storage.Filling {
	return func(parent, name string, o storage.Options) (err error) {
		image := fs.PathJoin(parent, "image")
		defer func() {
			if remove := fs.RemoveAll(image); err == nil {
				err = remove
			}
		}()
		for n := 1; ; n++ {
			engine, err := makeImage(fs, dataDir, walDir, image)
			if err == nil {
				err = applyLog(fs, image, logger)
			}
			if err == nil {
				return fs.Rename(fs.PathJoin(image, "member", "state", engine), fs.PathJoin(parent, name))
			}
			// Entries that were replaced make a log that was copied look shorter than its watermark.
			if !errors.Is(err, errTwoMoments) && !errors.Is(err, log.ErrCorrupt) || n == imageTriesMax {
				return fmt.Errorf("replica: copy %s: %w", dataDir, err)
			}
			if err := fs.RemoveAll(image); err != nil {
				return err
			}
		}
	}
}

// makeImage copies the log and then the state of a data directory to one that looks as after a crash. The log is first: it
// begins where the state that is durable then ends, or before that, and the state can only get further meanwhile.
func makeImage(fs vfs.FS, dataDir, walDir, to string) (engine string, err error) {
	from := logDir(fs, dataDir, walDir)
	if err := refuseEtcd(fs, dataDir, from); err != nil {
		return "", err
	}
	if !exists(fs, from) {
		return "", fmt.Errorf("%w (%s is missing)", ErrNothingThere, from)
	}
	two, err := log.HadFailover(from, fs)
	if err != nil {
		return "", err
	}
	if two {
		return "", fmt.Errorf(`%w: %s is part of it; take a backup with "etcdctl snapshot save"`, ErrSecondFolder, from)
	}
	if err := fs.MkdirAll(fs.PathJoin(to, "member"), 0o700); err != nil {
		return "", err
	}
	if err := log.Copy(fs, from, fs.PathJoin(to, "member", "log")); err != nil {
		return "", err
	}
	return storage.Image(fs, fs.PathJoin(dataDir, "member", "state"), fs.PathJoin(to, "member", "state"),
		func(from, to string) error { return crashimage.Copy(fs, from, to) })
}

// applyLog brings the state of an image to the end of its log, durably.
func applyLog(fs vfs.FS, image string, logger *slog.Logger) (err error) {
	m := config.Default()
	m.DataDir, m.UnsafeNoFsync = image, true // only the state remains, and is flushed
	r := &Replica{cfg: Config{Member: m, FS: fs, Logger: logger, still: true}, logger: logger}
	if err := r.openFiles(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.closeFiles()) }()
	id := &identity{}
	if err := json.Unmarshal(r.log.Metadata(), id); err != nil || id.MemberID == 0 {
		return fmt.Errorf("%w: metadata of the log", ErrCorrupt)
	}
	first, last, err := r.fit()
	if err != nil {
		return err
	}
	p, err := newReplay(r.store, *id, logger)
	if err != nil {
		return err
	}
	for next := first; next <= last; {
		entries, err := r.log.Entries(next, last+1, batchBytesMax)
		if err != nil {
			return fmt.Errorf("replica: read the log from %d: %w", next, err)
		}
		n, err := p.apply(entries)
		if err != nil {
			return err
		}
		next += uint64(n)
	}
	return r.store.Flush()
}

// fit returns which entries of an image's log its state lacks: none when the state is the newer of the two copies.
func (r *Replica) fit() (first, last uint64, err error) {
	applied, term := r.store.Applied()
	if last, err = r.log.LastIndex(); err != nil {
		return 0, 0, err
	}
	if last < applied {
		return 1, 0, nil
	}
	begin, err := r.log.FirstIndex()
	if err != nil {
		return 0, 0, err
	}
	if applied+1 < begin {
		return 0, 0, fmt.Errorf("%w: the log begins at index %d, the state ends at %d", errTwoMoments, begin, applied)
	}
	if applied > 0 {
		logged, err := r.log.Term(applied)
		if err != nil {
			return 0, 0, err
		}
		if logged != term {
			return 0, 0, fmt.Errorf("%w: entry %d is of term %d in the log, of term %d in the state", errTwoMoments, applied, logged, term)
		}
	}
	return applied + 1, last, nil
}
