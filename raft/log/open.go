package log

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const lockName = "LOCK"

// Open opens or creates the log in dir. All that is there is read before anything is written, so a log that is refused
// (ErrForeign, ErrCorrupt, ErrStraySegments) is left as it was.
func Open(dir string, o Options) (Log, error) {
	s, err := open(dir, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string, o Options) (_ *store, err error) {
	places, name, err := checkFailover(dir, o)
	if err != nil {
		return nil, err
	}
	if err := makeDir(o.FS, dir); err != nil {
		return nil, err
	}
	lock, err := o.FS.Lock(o.FS.PathJoin(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("log: lock: %w", err)
	}
	s := &store{lock: lock, logger: o.Logger, reg: o.Registerer, fail: &failure{logger: o.Logger}}
	s.w = writer{place: places[0], sizeMax: o.segmentBytes}
	found, err := readContents(places, o)
	defer func() {
		if err == nil {
			return
		}
		err = errors.Join(err, found.close())
		if s.w.seg != nil {
			err = errors.Join(err, s.w.seg.close())
		}
		s.w.second.close()
		if s.mark != nil {
			err = errors.Join(err, s.mark.close())
		}
		err = errors.Join(err, lock.Close())
	}()
	if err != nil {
		return nil, err
	}
	if len(places) > 1 {
		if err := joinFolders(places, name); err != nil {
			return nil, err
		}
		s.w.second = newFailover(places, o)
	}
	if s.m, err = newMetrics(o.Registerer); err != nil {
		return nil, err
	}
	if err := s.resume(found, o); err != nil {
		s.m.unregister(o.Registerer)
		return nil, err
	}
	return s, nil
}

// resume makes what was found durable and the log go on after it, in a segment of its own.
func (s *store) resume(found *contents, o Options) error {
	for _, path := range found.strays {
		if err := o.FS.Remove(path); err != nil && !oserror.IsNotExist(err) {
			return fmt.Errorf("log: remove what a crash left: %w", err)
		}
	}
	if n := len(found.segments); n > 0 {
		// What lies behind its last record is a write that was cut off, or room.
		if err := found.segments[n-1].end(); err != nil {
			return err
		}
	}
	s.hs, s.begin, s.last, s.tail, s.meta = found.hs, found.begin, found.last, found.tail, found.meta
	s.positions = found.positions
	s.synced = mark{s.last, s.hs.term, s.hs.vote}
	s.w.next, s.w.newest = max(1, found.next), found.newest
	head := s.w.encode(s.headRecord())
	seg, _, err := createSegment(s.w.place, s.w.newest+1, s.w.sizeMax, head)
	if err != nil {
		return err
	}
	s.w.seg = seg // for the caller to close, should this fail
	s.w.next++
	s.segments = slices.Clone(found.segments)
	s.follow(seg)
	main := s.w.place
	if !found.born {
		if err := createWatermark(main.fs, main.dir); err != nil {
			return err
		}
	}
	if s.mark, err = openWatermark(main.fs, main.dir, found.markSeq, found.mark); err != nil {
		return err
	}
	return s.mark.set(s.synced)
}

// end cuts off what lies behind a segment's last record, and makes the rest durable. It is written again for that: after a sync
// that failed, another one may find nothing to do and prove nothing (I4).
func (s *segment) end() error {
	if fd := s.file.Fd(); fd != vfs.InvalidFd {
		if err := os.Truncate(s.path(segmentName(s.seq)), s.size); err != nil {
			return fmt.Errorf("log: cut segment: %w", err)
		}
	}
	b := make([]byte, s.size)
	_, err := s.file.ReadAt(b, 0)
	if err == nil {
		_, err = s.file.WriteAt(b, 0)
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("log: sync segment: %w", err)
	}
	return syncDir(s.fs, s.dir)
}

// makeDir makes a folder, and its name durable.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return syncDir(fs, fs.PathDir(dir))
}
