package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// used are v1's controllers that containers are put under.
var used = []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"}

// Hierarchy is where the node's control groups are.
type Hierarchy struct {
	Unified string            // the root of v2; "" on v1
	Roots   map[string]string // v1: the root of each controller that is there
}

// Find looks at what is mounted.
func Find() (*Hierarchy, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := &Hierarchy{Roots: map[string]string{}}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if !ok || len(where) < 5 || len(what) < 3 {
			continue
		}
		switch what[0] {
		case "cgroup2":
			if where[4] == "/sys/fs/cgroup" {
				h.Unified = where[4]
			}
		case "cgroup":
			for option := range strings.SplitSeq(what[2], ",") {
				if slices.Contains(used, option) && h.Roots[option] == "" {
					h.Roots[option] = where[4]
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	if h.Unified == "" && len(h.Roots) == 0 {
		return nil, errors.New("cgroup: no hierarchy is mounted below /sys/fs/cgroup")
	}
	return h, nil
}

// Missing are the controllers without which a limit would not hold.
func (h *Hierarchy) Missing() []string {
	var missing []string
	have := func(string) bool { return false }
	if h.Unified == "" {
		have = func(c string) bool { return h.Roots[c] != "" }
	} else if data, err := os.ReadFile(filepath.Join(h.Unified, "cgroup.controllers")); err == nil {
		have = func(c string) bool { return slices.Contains(strings.Fields(string(data)), c) }
	}
	for _, c := range []string{"cpu", "memory", "pids"} {
		if !have(c) {
			missing = append(missing, c)
		}
	}
	return missing
}

// Dirs are the folders of a group, one for each hierarchy.
func (h *Hierarchy) Dirs(group string) []string {
	if h.Unified != "" {
		return []string{h.dir("", group)}
	}
	var dirs []string
	for _, c := range used {
		if root := h.Roots[c]; root != "" && !slices.Contains(dirs, filepath.Join(root, clean(group))) {
			dirs = append(dirs, h.dir(c, group))
		}
	}
	return dirs
}

// dir is a group's folder under a controller.
func (h *Hierarchy) dir(controller, group string) string {
	if h.Unified != "" {
		return filepath.Join(h.Unified, clean(group))
	}
	return filepath.Join(h.Roots[controller], clean(group))
}

// clean keeps a name that came from outside below the root.
func clean(group string) string { return path.Clean("/" + group) }

// Shown is what a container sees of its own group: path in the container to folder of the node.
func (h *Hierarchy) Shown(group string) map[string]string {
	if h.Unified != "" {
		return map[string]string{"/sys/fs/cgroup": h.dir("", group)}
	}
	shown := map[string]string{}
	for c := range h.Roots {
		shown["/sys/fs/cgroup/"+c] = h.dir(c, group)
	}
	return shown
}

// OOMFile is where the kernel counts what it killed in a group for memory.
func (h *Hierarchy) OOMFile(group string) string {
	if h.Unified != "" {
		return filepath.Join(h.dir("", group), "memory.events")
	}
	return filepath.Join(h.dir("memory", group), "memory.oom_control")
}

// Outermost is the outermost group, of a group and those above it, that is not there: the one up to which Remove has to remove what
// Create will make.
func (h *Hierarchy) Outermost(group string) string {
	group = clean(group)
	for path.Dir(group) != "/" {
		if slices.ContainsFunc(h.Dirs(path.Dir(group)), func(dir string) bool { _, err := os.Stat(dir); return err == nil }) {
			break
		}
		group = path.Dir(group)
	}
	return group
}

// Create makes a group and those above it.
func (h *Hierarchy) Create(group string) error {
	parts := strings.Split(strings.Trim(clean(group), "/"), "/")
	for i := range parts {
		if err := h.makeOne("/"+strings.Join(parts[:i+1], "/"), i == len(parts)-1); err != nil {
			return err
		}
	}
	return nil
}

// makeOne makes a group whose parent is there.
func (h *Hierarchy) makeOne(group string, last bool) error {
	for _, dir := range h.Dirs(group) {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	switch {
	case h.Unified != "" && last:
		return nil
	case h.Unified != "":
		return h.delegate(group)
	case h.Roots["cpuset"] == "":
		return nil
	}
	return inherit(h.dir("cpuset", group))
}

// delegate lets the groups below a v2 group have controllers.
func (h *Hierarchy) delegate(group string) error {
	// The root's may be off, too.
	for _, dir := range []string{h.Unified, h.dir("", group)} {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
		for _, c := range strings.Fields(string(data)) {
			if !slices.Contains([]string{"cpu", "cpuset", "memory", "io", "pids", "hugetlb"}, c) {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0); err != nil {
				return fmt.Errorf("cgroup: controller %s of %s: %w", c, dir, err)
			}
		}
	}
	return nil
}

// inherit gives a new v1 cpuset what its parent has: empty, it takes no process.
func inherit(dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		now, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
		if strings.TrimSpace(string(now)) != "" {
			continue
		}
		above, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), above, 0); err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	return nil
}

// Remove removes a group, and those above it up to and including top. What isn't there or still has others in it is left.
func (h *Hierarchy) Remove(group, top string) {
	group, top = clean(group), clean(top)
	for {
		for _, dir := range h.Dirs(group) {
			for range 50 { // a killed process leaves its group a little later
				if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
					break
				}
				if entries, _ := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs")); len(entries) > 0 {
					break // others are below it
				}
				time.Sleep(time.Millisecond)
			}
		}
		if group == top || group == "/" || !strings.HasPrefix(group, top) {
			return
		}
		group = path.Dir(group)
	}
}
