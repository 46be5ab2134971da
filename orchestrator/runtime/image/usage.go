package image

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Usage is how many bytes and files are below the given folders. What vanishes meanwhile isn't counted.
func Usage(dirs ...string) (bytes, inodes uint64) {
	seen := map[uint64]bool{}
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			stat, ok := info.Sys().(*syscall.Stat_t)
			if !ok || (stat.Nlink > 1 && !info.IsDir() && seen[stat.Ino]) {
				return nil
			}
			seen[stat.Ino] = true
			bytes += uint64(stat.Blocks) * 512
			inodes++
			return nil
		})
	}
	return bytes, inodes
}

// Usage is what all images take on disk.
func (s *Store) Usage() (bytes, inodes uint64) { return Usage(s.path("layers"), s.path("images")) }

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// Empty is a folder with nothing in it, for what needs a layer and has none.
func (s *Store) Empty() (string, error) {
	dir := s.path("empty")
	return dir, os.MkdirAll(dir, 0o755)
}
