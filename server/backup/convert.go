package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
	"github.com/petcd/petcd/storage/v2store"
)

// IsDatabase says whether a file is a database of etcd.
func IsDatabase(path string) (bool, error) {
	s, err := openSource(path, nil)
	if err != nil {
		return false, err
	}
	return s.db != nil, s.close()
}

// Convert writes what petcd's archive holds as a database that the tools of etcd 3.4 to 3.7 restore. While it works it takes
// about twice the archive's room beside to. A file at to is replaced, unless it is the archive. The keys of API 2 have no place
// in a database; Convert tells what it left out.
func Convert(from, to string, meter *Meter) (left LeftOut, err error) {
	same, err := sameFile(from, to)
	if err != nil {
		return left, err
	}
	if same {
		return left, fmt.Errorf("%s: %w", to, ErrSameFile)
	}
	s, err := openSource(from, meter)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.db != nil {
		return left, fmt.Errorf("%s: %w", from, ErrDatabase)
	}
	temp, err := os.MkdirTemp(filepath.Dir(to), ".petcd-convert-*")
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	saved, err := storage.OpenSaved(temp, storage.Options{}, s.filling())
	if err != nil {
		return left, fmt.Errorf("%s: %w", from, err)
	}
	defer func() { err = errors.Join(err, saved.Close()) }()
	if err := saved.V2Walk(left.count); err != nil {
		return left, err
	}
	w, err := etcddb.Create(to)
	if err != nil {
		return left, err
	}
	if err := export(saved, w); err != nil {
		return left, errors.Join(err, w.Abort())
	}
	return left, w.Finish()
}

// LeftOut is how much of API 2 a database has no place for.
type LeftOut struct{ Keys, Dirs int }

// count counts a node.
func (l *LeftOut) count(_ string, n v2store.Stored) error {
	if n.Dir {
		l.Dirs++
	} else {
		l.Keys++
	}
	return nil
}

// Warn says what was left out, if anything was.
func (l LeftOut) Warn(w io.Writer) {
	if l.Keys+l.Dirs > 0 {
		fmt.Fprintf(w, "%d keys and %d directories of API 2 are not in the file, as etcd's tools would not restore them; "+
			"\"etcdutl v2 export\" writes them to a file of their own.\n", l.Keys, l.Dirs)
	}
}

// sameFile tells whether two paths are of one file.
func sameFile(a, b string) (bool, error) {
	first, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second), nil
}

// export writes everything but the members, which a restore replaces.
func export(s *storage.Saved, w *etcddb.Writer) error {
	if err := s.WriteRows(w); err != nil {
		return err
	}
	for _, l := range s.Leases() {
		if err := w.PutLease(etcddb.Lease{ID: l.ID, TTL: l.TTL, Remaining: l.Remaining}); err != nil {
			return err
		}
	}
	if err := exportRecords(s, w); err != nil {
		return err
	}
	if r := s.CompactRevision(); r >= 0 {
		if err := w.PutCompacted(r); err != nil {
			return err
		}
	}
	return w.PutIndex(s.Applied())
}
