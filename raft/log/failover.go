package log

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkFailover refuses a failover folder with segments that this log did not write: Pebble takes whatever lies there for
// the log's own and replays it. They are this log's only if it was opened with a failover folder before.
func checkFailover(dir string, o Options) error {
	if o.FailoverDir == "" {
		return nil
	}
	names, err := o.FS.List(o.FailoverDir)
	if oserror.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("log: list failover folder: %w", err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		had, err := HadFailover(dir, o.FS)
		if err == nil && !had {
			err = fmt.Errorf("%w: %s", ErrStraySegments, o.FS.PathJoin(o.FailoverDir, name))
		}
		return err
	}
	return nil
}

// HadFailover tells whether the log in dir was opened with a failover folder, which Pebble notes in its options file.
func HadFailover(dir string, fs vfs.FS) (bool, error) {
	about, err := pebble.Peek(dir, fs)
	if oserror.IsNotExist(err) || (err == nil && about.OptionsFilename == "") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("log: %w", err)
	}
	f, err := fs.Open(about.OptionsFilename)
	if err != nil {
		return false, fmt.Errorf("log: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err = errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("log: read %s: %w", about.OptionsFilename, err)
	}
	return strings.Contains(string(b), "\n[WAL Failover]\n"), nil
}
