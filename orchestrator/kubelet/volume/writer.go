package volume

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
)

// writer changes the files of a volume all at once. They are in a folder named by the time it was made; ..data leads to it, and each name
// that a container sees leads through ..data. One rename of ..data is the change.
type writer struct {
	dir   string
	group *int64
	clock clock.PassiveClock
}

const (
	dataLink    = "..data"
	newDataLink = "..data_tmp"
)

// write makes the volume hold just these files.
func (w *writer) write(content map[string]file) error {
	for name := range content {
		if err := checkPath(name); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	old, err := os.Readlink(filepath.Join(w.dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !w.same(old, content) {
		fresh, err := w.fill(content)
		if err != nil {
			return err
		}
		if err := w.swap(fresh); err != nil {
			return err
		}
		if err := w.tidy(fresh); err != nil {
			return err
		}
	}
	return w.links(content)
}

// checkPath refuses a path that leaves the volume, or that could be taken for one of the writer's own.
func checkPath(path string) error {
	if !filepath.IsLocal(path) || strings.HasPrefix(path, "..") {
		return fmt.Errorf("invalid path %q in a volume: must be relative and may not begin with '..'", path)
	}
	return nil
}

// same says whether a folder, that ..data leads to, holds these files and no others, as they should be.
func (w *writer) same(folder string, content map[string]file) bool {
	if folder == "" {
		return false
	}
	root, left := filepath.Join(w.dir, folder), len(content)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		wanted, ok := content[name]
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !ok || !bytes.Equal(data, wanted.data) || info.Mode().Perm() != w.modeOf(wanted) {
			return errDiffers
		}
		left--
		return nil
	})
	return err == nil && left == 0
}

// errDiffers ends the look at files that have to be written again.
var errDiffers = errors.New("differs")

// modeOf is a file's mode once it has been given to the group.
func (w *writer) modeOf(f file) fs.FileMode {
	if w.group == nil {
		return f.mode
	}
	return groupMode(f.mode, true)
}

// fill makes a new folder of files and returns its name.
func (w *writer) fill(content map[string]file) (string, error) {
	root, err := os.MkdirTemp(w.dir, w.clock.Now().UTC().Format("..2006_01_02_15_04_05."))
	if err != nil {
		return "", err
	}
	if err := w.fillIn(root, content); err != nil {
		return "", errors.Join(err, os.RemoveAll(root))
	}
	return filepath.Base(root), nil
}

func (w *writer) fillIn(root string, content map[string]file) error {
	if err := os.Chmod(root, 0o755); err != nil { // containers may run as any user
		return err
	}
	for name, f := range content {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.data, 0o600); err != nil {
			return err
		}
		if err := os.Chmod(path, f.mode); err != nil { // not what the umask leaves of it
			return err
		}
		if f.owner != nil {
			if err := os.Chown(path, int(*f.owner), -1); err != nil {
				return err
			}
		}
	}
	return giveToGroup(root, w.group, true)
}

// swap lets ..data lead to a folder.
func (w *writer) swap(folder string) error {
	fresh := filepath.Join(w.dir, newDataLink)
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a kubelet that was killed here
		return err
	}
	if err := os.Symlink(folder, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(w.dir, dataLink))
}

// tidy removes all folders but the one in use: the last one, and those of kubelets that were killed while they wrote.
func (w *writer) tidy(folder string) error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "..") && e.Name() != folder {
			if err := os.RemoveAll(filepath.Join(w.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// links makes the names that containers see, and removes those that lead to nothing any longer.
func (w *writer) links(content map[string]file) error {
	names := sets.New[string]()
	for path := range content {
		first, _, _ := strings.Cut(filepath.Clean(path), "/")
		names.Insert(first)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, ".."):
		case names.Has(name):
			names.Delete(name)
		default:
			if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
				return err
			}
		}
	}
	for name := range names {
		if err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(w.dir, name)); err != nil {
			return err
		}
	}
	return nil
}
