package volume

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// emptyDir is a folder that lives as long as its pod, on disk or in memory.
type emptyDir struct {
	at          string
	spec        *v1.EmptyDirVolumeSource
	pod         *v1.Pod
	allocatable func() v1.ResourceList
}

func (e *emptyDir) path() string   { return e.at }
func (e *emptyDir) readOnly() bool { return false }

func (e *emptyDir) setup(context.Context) error {
	switch e.spec.Medium {
	case v1.StorageMediumDefault:
		if _, err := os.Lstat(e.at); err == nil {
			return nil // the pod's own by now, modes and all
		}
	case v1.StorageMediumMemory:
		fresh, err := ensureTmpfs(e.at, e.size())
		if err != nil || !fresh {
			return err
		}
		return giveToGroup(e.at, fsGroup(e.pod), false)
	default:
		return fmt.Errorf("emptyDir on medium %q is not supported on this node", e.spec.Medium)
	}
	if err := os.MkdirAll(e.at, 0o750); err != nil {
		return err
	}
	if err := os.Chmod(e.at, 0o777); err != nil { // not what the umask leaves of it
		return err
	}
	return giveToGroup(e.at, fsGroup(e.pod), false)
}

// size is how many bytes an emptyDir in memory may hold: what its limit says, and not more than the pod or the node has. 0: no limit.
func (e *emptyDir) size() int64 {
	var size int64
	least := func(n int64) {
		if n > 0 && (size == 0 || n < size) {
			size = n
		}
	}
	if e.allocatable != nil {
		memory := e.allocatable()[v1.ResourceMemory]
		least(memory.Value())
	}
	if everyContainerLimits(e.pod, v1.ResourceMemory) {
		memory := resource.PodLimits(e.pod, resource.PodResourcesOptions{})[v1.ResourceMemory]
		least(memory.Value())
	}
	if e.spec.SizeLimit != nil {
		least(e.spec.SizeLimit.Value())
	}
	return size
}

// everyContainerLimits says whether a pod as a whole is limited in a resource.
func everyContainerLimits(pod *v1.Pod, name v1.ResourceName) bool {
	for i := range pod.Spec.Containers {
		if limit := pod.Spec.Containers[i].Resources.Limits[name]; limit.IsZero() {
			return false
		}
	}
	return len(pod.Spec.Containers) > 0
}

// ensureTmpfs mounts a tmpfs, which everybody may write to, if there is none yet; fresh says that it did. Size 0 is no limit.
func ensureTmpfs(at string, size int64) (fresh bool, err error) {
	if err := os.MkdirAll(at, 0o750); err != nil {
		return false, err
	}
	there, err := isMountPoint(at)
	if err != nil || there {
		return false, err
	}
	options := ""
	if size > 0 {
		options = fmt.Sprintf("size=%d", size)
	}
	if err := unix.Mount("tmpfs", at, "tmpfs", 0, options); err != nil {
		return false, fmt.Errorf("mount tmpfs at %s: %w", at, err)
	}
	return true, nil
}

// EmptyDirs is how many bytes each emptyDir of a pod that is on disk takes up. What vanishes while it is looked at counts as nothing.
func (m *Manager) EmptyDirs(pod *v1.Pod) map[string]int64 {
	used := map[string]int64{}
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if volume.EmptyDir == nil || volume.EmptyDir.Medium != v1.StorageMediumDefault || checkName("volume", volume.Name) != nil {
			continue
		}
		if s, err := m.local(pod, volume); err == nil {
			used[volume.Name] = DiskUsage(s.path())
		}
	}
	return used
}

// DiskUsage is how many bytes the files below a folder take up on disk, those behind other mounts not counted.
func DiskUsage(dir string) int64 {
	var total int64
	var root unix.Stat_t
	if err := unix.Lstat(dir, &root); err != nil {
		return 0
	}
	type inode struct{ dev, ino uint64 }
	linked := map[inode]bool{} // files of several names count once
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err != nil || unix.Lstat(path, &st) != nil {
			return nil
		}
		if st.Dev != root.Dev {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if st.Nlink > 1 && !d.IsDir() {
			if linked[inode{st.Dev, st.Ino}] {
				return nil
			}
			linked[inode{st.Dev, st.Ino}] = true
		}
		total += st.Blocks * 512
		return nil
	})
	return total
}
