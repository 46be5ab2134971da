package crashimage

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// listing is a folder's names, by what Pebble does with the files.
type listing struct {
	manifest string   // the one that the newest marker names
	markers  []string // sorted; empty files that say everything by their names
	tables   []string // written once
	logs     []string // each must be empty
	small    []string // the rest: options
}

// manifestMarker begins the name of a marker that names a manifest; a number and the manifest's name follow.
const manifestMarker = "marker.manifest."

// list lists a folder. While a marker is replaced, a listing may miss both, so it is made again when it has none.
func list(vfsFS vfs.FS, dir string) (l *listing, err error) {
	for range 3 {
		if l, err = listOnce(vfsFS, dir); !errors.Is(err, ErrNoDatabase) {
			break
		}
	}
	return l, err
}

// listOnce sorts the names in a folder.
func listOnce(vfsFS vfs.FS, dir string) (*listing, error) {
	names, err := vfsFS.List(dir)
	if err != nil {
		return nil, fmt.Errorf("crashimage: list %s: %w", dir, err)
	}
	l := &listing{}
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "marker."):
			l.markers = append(l.markers, name)
		case strings.HasSuffix(name, ".sst"), strings.HasSuffix(name, ".blob"):
			l.tables = append(l.tables, name)
		case strings.HasSuffix(name, ".log"):
			l.logs = append(l.logs, name)
		case !passing(name):
			l.small = append(l.small, name)
		}
	}
	slices.Sort(l.markers)
	if l.manifest = newestManifest(l.markers); l.manifest == "" {
		return nil, fmt.Errorf("%w in %s", ErrNoDatabase, dir)
	}
	return l, nil
}

// passing tells that a file is no part of a database at rest: its lock, what probes its disk, manifests, which are copied by
// another way, and files that are renamed once they are whole.
func passing(name string) bool {
	return name == "LOCK" || name == "PROBE" || name == "lost+found" || strings.HasPrefix(name, "MANIFEST-") ||
		strings.HasSuffix(name, ".dbtmp")
}

// newestManifest is the manifest that the marker with the highest number names; empty when there is none.
func newestManifest(markers []string) (manifest string) {
	newest := uint64(0)
	for _, m := range markers {
		rest, ok := strings.CutPrefix(m, manifestMarker)
		if !ok {
			continue
		}
		number, name, _ := strings.Cut(rest, ".")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil && (manifest == "" || n > newest) &&
			strings.HasPrefix(name, "MANIFEST-") {
			newest, manifest = n, name
		}
	}
	return manifest
}

// sameMarkers tells that no marker came or went.
func (l *listing) sameMarkers(other *listing) bool { return slices.Equal(l.markers, other.markers) }
