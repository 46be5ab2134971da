package shim

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// source is something of the node, or of the pod, that is not yet in the container.
type source struct {
	target string
	tree   int // a detached mount
	dir    bool
}

// standardDevices are those that every container has.
var standardDevices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// sources detaches copies of what is mounted in a container, as long as the caller's thread sees the node's mounts.
func (c *Container) sources() ([]source, error) {
	var all []source
	fail := func(err error) ([]source, error) {
		for _, s := range all {
			_ = unix.Close(s.tree)
		}
		return nil, err
	}
	add := func(m Mount, recursive bool) error {
		s, err := detach(m, recursive)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	}
	devices := slices.Clone(c.Devices)
	for _, d := range standardDevices {
		devices = append(devices, Device{d, d})
	}
	for _, d := range devices {
		if err := add(Mount{Source: d.Source, Target: d.Target}, false); err != nil {
			return fail(err)
		}
	}
	for target, dir := range c.Cgroup.Shown {
		if err := add(Mount{Source: dir, Target: target, ReadOnly: !c.AllDevices, Recursive: true, NoDevices: true}, true); err != nil {
			return fail(err)
		}
	}
	for _, m := range c.Mounts {
		if err := add(m, true); err != nil {
			return fail(err)
		}
	}
	return all, nil
}

// detach copies a mount without putting it anywhere, with the properties that it is to have.
func detach(m Mount, recursive bool) (source, error) {
	s := source{target: m.Target}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	var err error
	if s.tree, err = unix.OpenTree(unix.AT_FDCWD, m.Source, flags); err != nil {
		return s, fmt.Errorf("mount %s: %w", m.Source, err)
	}
	var stat unix.Stat_t
	if err = unix.Fstat(s.tree, &stat); err == nil {
		s.dir = stat.Mode&unix.S_IFMT == unix.S_IFDIR
		m.NoDevices = m.NoDevices && !nodesDevice(&stat)
		err = s.set(m)
	}
	if err != nil {
		_ = unix.Close(s.tree)
		return s, fmt.Errorf("mount %s: %w", m.Source, err)
	}
	return s, nil
}

// nodesDevice says whether a file is one of the node's own devices: who mounts one wants it as one. A device elsewhere may have been
// made by a container in a volume, and v2's cgroups wouldn't keep another from opening it.
func nodesDevice(stat *unix.Stat_t) bool {
	var dev unix.Stat_t
	kind := stat.Mode & unix.S_IFMT
	return (kind == unix.S_IFCHR || kind == unix.S_IFBLK) && unix.Stat("/dev", &dev) == nil && dev.Dev == stat.Dev
}

// set gives a detached mount its properties.
func (s *source) set(m Mount) error {
	all := unix.MountAttr{Propagation: propagation(m.Propagation)}
	if m.NoDevices {
		all.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	if m.NoSetuids {
		all.Attr_set |= unix.MOUNT_ATTR_NOSUID
	}
	if m.ReadOnly && m.Recursive {
		all.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(s.tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &all); err != nil {
		return err
	}
	if m.ReadOnly && !m.Recursive {
		return unix.MountSetattr(s.tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	}
	return nil
}

// propagation is the kernel's word for it.
func propagation(p Propagation) uint64 {
	switch p {
	case HostToContainer:
		return unix.MS_SLAVE
	case Bidirectional:
		return unix.MS_SHARED
	}
	return unix.MS_PRIVATE
}

// enterRoot makes the container's mounts in a new mount namespace and makes its file system the root of the caller's thread. /proc is
// left to the first process, which alone is in the right PID namespace.
func (c *Container) enterRoot(all []source) error {
	var nodes []node
	if c.AllDevices {
		nodes = deviceNodes("/dev", nil)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("shim: new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("shim: leave the node's mounts: %w", err)
	}
	if err := c.mountRoot(); err != nil {
		return err
	}
	root, err := unix.Open(c.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("shim: root: %w", err)
	}
	defer func() { _ = unix.Close(root) }()
	if err := c.mountSystem(root); err != nil {
		return err
	}
	for _, v := range c.Volumes {
		if err := c.mountVolume(root, v); err != nil {
			return err
		}
	}
	// The outer ones first, so that the inner ones lie on them.
	sort.SliceStable(all, func(i, j int) bool {
		return strings.Count(path.Clean(all[i].target), "/") < strings.Count(path.Clean(all[j].target), "/")
	})
	for _, s := range all {
		if err := s.attach(root); err != nil {
			return err
		}
	}
	if err := c.finishDevices(root, nodes); err != nil {
		return err
	}
	if err := c.finishCgroups(root); err != nil {
		return err
	}
	return pivot(c.Root)
}

// finishCgroups lets nobody write into the folder in which v1's hierarchies are mounted.
func (c *Container) finishCgroups(root int) error {
	if len(c.Cgroup.Shown) < 2 {
		return nil
	}
	fd, err := openIn(root, "/sys/fs/cgroup", unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("shim: cgroups: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("shim: cgroups: %w", err)
	}
	return nil
}

// mountRoot lays the container's own files over those of its image.
func (c *Container) mountRoot() error {
	// Relative names keep many layers within the one page that mount takes.
	base := filepath.Dir(c.Layers[0])
	if err := unix.Chdir(base); err != nil {
		return fmt.Errorf("shim: layers: %w", err)
	}
	var lower []string
	for _, l := range c.Layers {
		name, err := filepath.Rel(base, l)
		if err != nil {
			return fmt.Errorf("shim: layers: %w", err)
		}
		lower = append(lower, name)
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,volatile", strings.Join(lower, ":"), c.Upper, c.Work)
	flags := uintptr(0)
	if !c.AllDevices {
		flags = unix.MS_NODEV
	}
	if err := unix.Mount("overlay", c.Root, "overlay", flags, options); err != nil {
		return fmt.Errorf("shim: overlay root: %w", err)
	}
	return nil
}

// mountVolume makes a folder and mounts it on itself: a read-only root stays without it.
func (c *Container) mountVolume(root int, name string) error {
	fd, err := makeTarget(root, name, true)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if !c.ReadOnly {
		return nil
	}
	tree, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("volume %s: %w", name, err)
	}
	s := source{target: name, tree: tree, dir: true}
	return s.attach(root)
}

// mountSystem mounts what a program expects to find on Linux, other than the container's own mounts.
func (c *Container) mountSystem(root int) error {
	const strict = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	// They have to be folders of the image's: behind a link, what is masked later could be exchanged meanwhile.
	for _, name := range []string{"proc", "sys", "dev"} {
		if err := makeFolder(root, name); err != nil {
			return err
		}
	}
	sys, dev := strict|unix.MOUNT_ATTR_RDONLY, strict
	if c.AllDevices {
		sys, dev = strict, strict&^unix.MOUNT_ATTR_NODEV
	}
	mounts := []struct {
		kind, target string
		attributes   int
		options      [][2]string
	}{
		{"sysfs", "/sys", sys, nil},
		{"tmpfs", "/dev", dev, [][2]string{{"mode", "755"}, {"size", "65536k"}}},
		{"devpts", "/dev/pts", unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC, [][2]string{{"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}},
		{"mqueue", "/dev/mqueue", strict, nil},
	}
	for _, m := range mounts {
		if err := mountNew(root, m.kind, m.target, m.attributes, m.options); err != nil && m.kind != "mqueue" {
			return err
		}
	}
	if len(c.Cgroup.Shown) > 1 {
		return mountNew(root, "tmpfs", "/sys/fs/cgroup", strict, [][2]string{{"mode", "755"}, {"size", "64k"}})
	}
	return nil
}

// makeFolder makes a folder in root, where there may be one, and nothing else.
func makeFolder(root int, name string) error {
	if err := unix.Mkdirat(root, name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("shim: /%s: %w", name, err)
	}
	fd, err := unix.Openat(root, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("shim: /%s of the image is no folder: %w", name, err)
	}
	return unix.Close(fd)
}

// mountNew mounts a file system of the kernel's.
func mountNew(root int, kind, target string, attributes int, options [][2]string) error {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("shim: %s: %w", kind, err)
	}
	defer func() { _ = unix.Close(fs) }()
	for _, o := range options {
		if err := unix.FsconfigSetString(fs, o[0], o[1]); err != nil {
			return fmt.Errorf("shim: %s %s: %w", kind, o[0], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return fmt.Errorf("shim: %s: %w", kind, err)
	}
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return fmt.Errorf("shim: %s: %w", kind, err)
	}
	s := source{target: target, tree: tree, dir: true}
	return s.attach(root)
}

// finishDevices makes the links that programs expect below /dev, and, for a privileged container, the node's devices.
func (c *Container) finishDevices(root int, nodes []node) error {
	for _, n := range nodes {
		if err := n.make(root); err != nil {
			return err
		}
	}
	dev, err := openIn(root, "/dev", unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("shim: /dev: %w", err)
	}
	defer func() { _ = unix.Close(dev) }()
	for name, target := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := unix.Symlinkat(target, dev, name); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("shim: /dev/%s: %w", name, err)
		}
	}
	return nil
}

// node is a device of the node's, for a privileged container.
type node struct {
	path   string
	mode   uint32
	device int
}

// deviceNodes are the devices below a folder. Those of terminals and of memory belong to others.
func deviceNodes(dir string, found []node) []node {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found // gone meanwhile
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir() && name != "/dev/pts" && name != "/dev/shm" && name != "/dev/mqueue":
			found = deviceNodes(name, found)
		case e.Type()&os.ModeDevice != 0 && !slices.Contains(standardDevices, name) && name != "/dev/ptmx" && name != "/dev/console":
			var stat unix.Stat_t
			if unix.Lstat(name, &stat) == nil {
				found = append(found, node{name, stat.Mode, int(stat.Rdev)})
			}
		}
	}
	return found
}

// make makes the device in a container. Where the container has something already, that stays.
func (n node) make(root int) error {
	parent, err := makeTarget(root, path.Dir(n.path), true)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(parent) }()
	if err := unix.Mknodat(parent, path.Base(n.path), n.mode, n.device); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("shim: device %s: %w", n.path, err)
	}
	return nil
}

// attach puts a detached mount into the container. The target's way never leaves root, whatever links are in the image.
func (s *source) attach(root int) error {
	defer func() { _ = unix.Close(s.tree) }()
	target, err := makeTarget(root, s.target, s.dir)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(target) }()
	if err := unix.MoveMount(s.tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount on %s: %w", s.target, err)
	}
	return nil
}

// openIn opens a path as seen by somebody whose root is root.
func openIn(root int, name string, flags uint64) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{Flags: flags | unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// makeTarget opens a path in root, and makes what is missing of it.
func makeTarget(root int, name string, dir bool) (int, error) {
	name = path.Clean("/" + name)
	fd, err := openIn(root, name, 0)
	if !errors.Is(err, unix.ENOENT) {
		if err != nil {
			err = fmt.Errorf("mount on %s: %w", name, err)
		}
		return fd, err
	}
	parent, err := makeTarget(root, path.Dir(name), true)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(parent) }()
	if dir {
		err = unix.Mkdirat(parent, path.Base(name), 0o755)
	} else {
		var file int
		if file, err = unix.Openat(parent, path.Base(name), unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_WRONLY, 0o644); err == nil {
			_ = unix.Close(file)
		}
	}
	if err != nil {
		return -1, fmt.Errorf("mount on %s: %w", name, err)
	}
	fd, err = openIn(root, name, 0)
	if err != nil {
		err = fmt.Errorf("mount on %s: %w", name, err)
	}
	return fd, err
}

// readIn reads a small file of the container whose root the caller's thread has. Whatever else lies there is taken for none.
func readIn(name string, limit int64) ([]byte, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, os.ErrNotExist
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n == len(data) {
		err = nil
	}
	return data[:n], err
}
