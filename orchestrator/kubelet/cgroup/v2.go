package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// v2 is the one hierarchy with all controllers.
type v2 struct{ mount string }

func (h *v2) mounts() []string { return []string{h.mount} }

// ensure makes a cgroup and hands all controllers down to it.
func (h *v2) ensure(path string) error {
	dir := h.mount
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if err := handDown(dir); err != nil {
			return err
		}
		dir = filepath.Join(dir, part)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return handDown(dir)
}

// handDown gives a cgroup's controllers to those below it.
func handDown(dir string) error {
	there, err := words(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	given, err := words(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	var wanted []string
	for _, name := range []string{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"} {
		if slices.Contains(there, name) && !slices.Contains(given, name) {
			wanted = append(wanted, "+"+name)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if err := writeFile(filepath.Join(dir, "cgroup.subtree_control"), strings.Join(wanted, " ")); err != nil {
		return fmt.Errorf("hand controllers down: %w", err)
	}
	return nil
}

// words are those of a file.
func words(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	return strings.Fields(string(data)), err
}

func (h *v2) set(path string, l *limits) error {
	dir := filepath.Join(h.mount, path)
	there, err := words(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var all []error
	write := func(controller, file, text string) {
		if slices.Contains(there, controller) {
			all = append(all, writeFile(filepath.Join(dir, file), text))
		}
	}
	write("cpu", "cpu.weight", strconv.FormatInt(weight(l.cpuShares), 10))
	write("cpu", "cpu.max", orMax(l.cpuQuota)+" "+strconv.Itoa(period))
	write("memory", "memory.max", orMax(l.memory))
	write("pids", "pids.max", orMax(l.pids))
	return errors.Join(all...)
}

// weight is what v2 calls shares: 1 to 10,000 for 2 to 262,144.
func weight(shares int64) int64 { return 1 + (shares-minShares)*9999/(maxShares-minShares) }

// orMax is "max", by which v2 says that there is no limit, or the limit.
func orMax(n int64) string {
	if n == 0 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}
