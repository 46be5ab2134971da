package log

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// asideDir is the folder, in each of a log's folders, for a log that was set aside.
const asideDir = "damaged"

// SetAside moves all that a log's folders hold into a folder "damaged" in each of them, where it takes the place of what was set
// aside before, so that Open begins a new log. An empty failoverDir means that there is none. A call that was cut off is made
// good by another one: the watermark is moved last, and while it is there Open takes what is left for a damaged log, not for a
// new one. REQUIRES: the log is not open.
func SetAside(fs vfs.FS, dir, failoverDir string) error {
	if failoverDir != "" {
		if err := (place{fs, failoverDir}).setAside(failoverName, isOfLog); err != nil {
			return err
		}
	}
	return place{fs, dir}.setAside(watermarkName, func(name string) bool {
		return isOfLog(name) || name != lockName && name != asideDir && slices.Contains(ownFiles, name)
	})
}

// isOfLog recognizes what a log has in its second folder, where others may have files, too.
func isOfLog(name string) bool {
	_, segment := segmentSeq(name)
	return segment || isNewSegment(name) || name == failoverName
}

// setAside moves the chosen files, last after all others. What was set aside before goes, unless last is missing there: then it
// is the beginning of this.
func (p place) setAside(last string, chosen func(name string) bool) error {
	names, err := p.fs.List(p.dir)
	if err != nil && !oserror.IsNotExist(err) {
		return fmt.Errorf("log: set aside: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !chosen(name) })
	if len(names) == 0 {
		return nil
	}
	if i := slices.Index(names, last); i >= 0 {
		names = append(slices.Delete(names, i, i+1), last)
	}
	aside := place{p.fs, p.path(asideDir)}
	before, err := p.fs.List(aside.dir)
	if err == nil && slices.Contains(before, last) {
		err = p.fs.RemoveAll(aside.dir)
	}
	if err != nil && !oserror.IsNotExist(err) {
		return fmt.Errorf("log: set aside: %w", err)
	}
	if err := makeDir(p.fs, aside.dir); err != nil {
		return err
	}
	for _, name := range names {
		if err := p.fs.Rename(p.path(name), aside.path(name)); err != nil {
			return fmt.Errorf("log: set aside: %w", err)
		}
		for _, dir := range []string{aside.dir, p.dir} {
			if err := syncDir(p.fs, dir); err != nil {
				return err
			}
		}
	}
	return nil
}
