package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// isMountPoint says whether something is mounted at a path.
func isMountPoint(path string) (bool, error) {
	points, err := mountPoints(path)
	return err == nil && slices.Contains(points, resolved(path)), err
}

// mountPoints are the mount points at and below a folder, those made last first; a point with two mounts is there twice.
func mountPoints(dir string) ([]string, error) {
	all, err := mountinfo.GetMounts(mountinfo.PrefixFilter(resolved(dir)))
	if err != nil {
		return nil, fmt.Errorf("volume: mounts of this process: %w", err)
	}
	points := make([]string, len(all))
	for i := range all {
		points[len(all)-1-i] = all[i].Mountpoint
	}
	return points, nil
}

// resolved is a path as mountinfo has it.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// unmountBelow unmounts all that is mounted at or below a folder. What a process still has open goes on to work for that process.
func unmountBelow(dir string) error {
	points, err := mountPoints(dir)
	if err != nil {
		return err
	}
	for _, at := range points {
		err := unix.Unmount(at, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			err = unix.Unmount(at, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
		}
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) { // went by itself meanwhile
			return fmt.Errorf("volume: unmount %s: %w", at, err)
		}
	}
	return nil
}
