package backup

import (
	"errors"
	"fmt"
	"io"
	"os"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/etcddir"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
	"github.com/petcd/petcd/storage/snapshot"
)

// source is an open snapshot file.
type source struct {
	path  string
	file  *os.File
	size  int64
	meter *Meter
	db    *etcddb.File              // nil: it is petcd's archive
	etcd  *etcddir.Contents         // of the data directory that db is in; nil: db is a file of its own
	tail  []*pb.InternalRaftRequest // of that directory's log, which db may lack
}

// openSource opens a snapshot; what is read of it shows on meter, which may be nil.
func openSource(path string, meter *Meter) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, file: f, meter: meter}
	if err := s.recognize(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return s, nil
}

// recognize finds out what the file is.
func (s *source) recognize() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: not a regular file", ErrUnknown)
	}
	s.size = info.Size()
	begin := make([]byte, len(snapshot.Magic))
	if _, err := s.file.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(begin) == snapshot.Magic {
		s.meter.start(s.size)
		return nil
	}
	s.db, err = etcddb.New(s.meter.readerAt(s.file), s.size)
	if errors.Is(err, etcddb.ErrForeign) {
		return ErrUnknown
	}
	s.meter.start(s.size)
	return err
}

// archive is petcd's archive from its beginning.
func (s *source) archive() io.Reader {
	return s.meter.reader(io.NewSectionReader(s.file, 0, s.size))
}

// verify checks the sum that ends etcd's database. An archive is verified as it is read; the database in a data directory has
// no sum.
func (s *source) verify(skipHashCheck bool) error {
	if s.db == nil || s.etcd != nil || skipHashCheck {
		return nil
	}
	s.meter.start(2 * s.size) // it is read once for the sum, and then for what is in it
	err := s.db.VerifySum()
	if errors.Is(err, etcddb.ErrNoSum) {
		return fmt.Errorf("%w but --skip-hash-check=false", err)
	}
	return err
}

// filling is how a state is made of the file.
func (s *source) filling() storage.Filling {
	if s.db == nil {
		return storage.FromArchive(s.archive())
	}
	return replica.WithRequests(storage.FromDatabase(s.db), func(e *storage.Edit) error { return importRecords(s.db, e) }, s.tail)
}

// close closes the file.
func (s *source) close() error {
	s.meter.Finish()
	return s.file.Close()
}
