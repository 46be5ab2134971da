package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// statBlock is the unit of st_blocks, whatever the file system's own block size (stat(2)).
const statBlock = 512

// DiskBytes sums the blocks allocated to the files below the folders: a file with holes counts what
// it takes, a preallocated one its whole length, a file with several names once.
func DiskBytes(dirs ...string) (int64, error) {
	var total int64
	seen := make(map[uint64]bool) // by inode; checkpoints are hard links
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // the server removes files while we walk
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok || seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
			total += st.Blocks * statBlock
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("measure: disk use of %s: %w", dir, err)
		}
	}
	return total, nil
}
