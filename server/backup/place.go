package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// exists is nil for a data directory that is there.
func exists(dataDir string) error {
	if _, err := os.Stat(dataDir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dataDir, ErrNoDirectory)
	}
	return nil // what else is wrong, whoever reads it finds
}

// apart is nil if what is copied and where the copy goes have nothing in common. A copy inside of a member's directory would
// be lost with it, and be part of the next copy.
func (c *DirectoryConfig) apart() error {
	for _, from := range []string{c.DataDir, c.WALDir} {
		for _, to := range []string{c.BackupDir, c.BackupWALDir} {
			if from == "" || to == "" {
				continue
			}
			a, err := resolve(from)
			if err != nil {
				return err
			}
			b, err := resolve(to)
			if err != nil {
				return err
			}
			if inside(a, b) || inside(b, a) {
				return fmt.Errorf("%s and %s: %w", from, to, ErrNested)
			}
		}
	}
	return nil
}

// inside says whether a path is that of a directory or of something below it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// resolve is the absolute path without symbolic links, of a directory that need not exist.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for dir, rest := path, ""; ; {
		found, err := filepath.EvalSymlinks(dir)
		if err == nil {
			return filepath.Join(found, rest), nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return "", err
		}
		dir, rest = parent, filepath.Join(filepath.Base(dir), rest)
	}
}
