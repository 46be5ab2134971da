package log

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// failoverName is the file that says which folders belong together.
const failoverName = "FAILOVER"

// checkFailover returns the folders that the log may lie in, its own first, and the name that joins them ("": none yet). It
// refuses a second folder with segments that are not this log's, and a log that has a second folder without it.
func checkFailover(dir string, o Options) (places []place, name string, err error) {
	places = []place{{o.FS, dir}}
	if name, err = readName(places[0]); err != nil {
		return nil, "", err
	}
	if o.FailoverDir == "" {
		if name != "" {
			return nil, "", fmt.Errorf("log: it was written with a failover folder, which must be given again")
		}
		return places, "", nil
	}
	second := place{o.FS, o.FailoverDir}
	other, err := readName(second)
	if err != nil {
		return nil, "", err
	}
	if name != "" && other != name {
		return nil, "", fmt.Errorf("%w, or is not the one that this log was written with", ErrStraySegments)
	}
	if name == "" {
		names, err := o.FS.List(o.FailoverDir)
		if err != nil && !oserror.IsNotExist(err) {
			return nil, "", fmt.Errorf("log: list failover folder: %w", err)
		}
		for _, stray := range names {
			if _, ok := segmentSeq(stray); ok {
				return nil, "", fmt.Errorf("%w: %s", ErrStraySegments, second.path(stray))
			}
		}
	}
	return append(places, second), name, nil
}

// HadFailover tells whether the log in dir has a second folder.
func HadFailover(dir string, fs vfs.FS) (bool, error) {
	name, err := readName(place{fs, dir})
	return name != "", err
}

// readName reads the name that joins a folder with another, "" when there is none.
func readName(p place) (string, error) {
	f, err := p.fs.Open(p.path(failoverName))
	if oserror.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("log: open %s: %w", failoverName, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("log: read %s: %w", failoverName, err)
	}
	if len(b) == 0 {
		return "", fmt.Errorf("%w: %s is empty", ErrCorrupt, failoverName)
	}
	return string(b), nil
}

// joinFolders gives both folders one name, unless they have one. The log's own comes last: it is what a start asks for.
func joinFolders(places []place, name string) error {
	if name != "" {
		return nil
	}
	name = rand.Text()
	for _, p := range slices.Backward(places) {
		if err := makeDir(p.fs, p.dir); err != nil {
			return err
		}
		if err := writeFile(p.fs, p.dir, failoverName, []byte(name)); err != nil {
			return err
		}
	}
	return nil
}
