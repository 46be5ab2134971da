package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// file is what is written into one of a group's files.
type file struct{ controller, name, value string }

// Set sets the limits of a group. What is zero or empty stays as it is.
func (h *Hierarchy) Set(group string, r *runtimeapi.LinuxContainerResources) error {
	files := h.v1(r)
	if h.Unified != "" {
		files = h.v2(r)
	}
	// A limit may be refused until another one is raised, or lowered: v1's of memory, and of memory with swap.
	var again []file
	for _, f := range files {
		if err := h.write(group, f); err != nil {
			again = append(again, f)
		}
	}
	for _, f := range again {
		if err := h.write(group, f); err != nil {
			return err
		}
	}
	return nil
}

// write writes one file. Without its controller there is nothing to limit with: Missing has said so.
func (h *Hierarchy) write(group string, f file) error {
	if h.Unified == "" && h.Roots[f.controller] == "" {
		return nil
	}
	path := filepath.Join(h.dir(f.controller, group), filepath.Base(f.name))
	err := os.WriteFile(path, []byte(f.value), 0)
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(f.name, "swap") {
		return nil // the kernel doesn't count swap
	}
	if err != nil {
		return fmt.Errorf("cgroup: set %s to %q: %w", f.name, f.value, err)
	}
	return nil
}

// v1 are the files of v1.
func (h *Hierarchy) v1(r *runtimeapi.LinuxContainerResources) []file {
	var files []file
	number := func(controller, name string, n int64) {
		if n != 0 {
			files = append(files, file{controller, name, strconv.FormatInt(n, 10)})
		}
	}
	number("cpu", "cpu.shares", r.GetCpuShares())
	number("cpu", "cpu.cfs_period_us", r.GetCpuPeriod())
	number("cpu", "cpu.cfs_quota_us", r.GetCpuQuota())
	if r.GetMemoryLimitInBytes() > 0 {
		number("memory", "memory.limit_in_bytes", r.GetMemoryLimitInBytes())
		swap := r.GetMemorySwapLimitInBytes()
		if swap == 0 {
			swap = r.GetMemoryLimitInBytes() // memory and swap together: none
		}
		number("memory", "memory.memsw.limit_in_bytes", swap)
	}
	files = append(files, cpusets(r)...)
	if n, ok := pidsLimit(r); ok {
		files = append(files, file{"pids", "pids.max", n})
	}
	return files
}

// v2 are the files of v2.
func (h *Hierarchy) v2(r *runtimeapi.LinuxContainerResources) []file {
	var files []file
	if s := r.GetCpuShares(); s > 0 {
		files = append(files, file{"", "cpu.weight", strconv.FormatInt(weight(s), 10)})
	}
	if q, p := r.GetCpuQuota(), r.GetCpuPeriod(); q != 0 || p != 0 {
		if p == 0 {
			p = 100000
		}
		quota := "max"
		if q > 0 {
			quota = strconv.FormatInt(q, 10)
		}
		files = append(files, file{"", "cpu.max", fmt.Sprintf("%s %d", quota, p)})
	}
	if m := r.GetMemoryLimitInBytes(); m > 0 {
		files = append(files, file{"", "memory.max", strconv.FormatInt(m, 10)},
			file{"", "memory.swap.max", strconv.FormatInt(max(0, r.GetMemorySwapLimitInBytes()-m), 10)})
	}
	files = append(files, cpusets(r)...)
	for name, value := range r.GetUnified() {
		files = append(files, file{"", name, value})
	}
	return files
}

// cpusets are the files that say which CPUs and memory nodes may be used.
func cpusets(r *runtimeapi.LinuxContainerResources) []file {
	var files []file
	if s := r.GetCpusetCpus(); s != "" {
		files = append(files, file{"cpuset", "cpuset.cpus", s})
	}
	if s := r.GetCpusetMems(); s != "" {
		files = append(files, file{"cpuset", "cpuset.mems", s})
	}
	return files
}

// pidsLimit is a limit of processes, which CRI gives only by v2's name.
func pidsLimit(r *runtimeapi.LinuxContainerResources) (string, bool) {
	n, ok := r.GetUnified()["pids.max"]
	return n, ok
}

// weight is v2's measure for v1's shares: 2…262144 becomes 1…10000, and 1024, the usual, 100. The curve is the one that runtimes and
// the kubelet agreed on.
func weight(shares int64) int64 {
	if shares <= 2 {
		return 1
	}
	if shares >= 262144 {
		return 10000
	}
	l := math.Log2(float64(shares))
	return int64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}

// Devices are the rules of v1's controller: nothing but the standard devices and the given ones, or all.
func (h *Hierarchy) Devices(group string, all bool, more []string) error {
	if h.Unified != "" || h.Roots["devices"] == "" || all {
		return nil
	}
	rules := append([]string{
		"c *:* m", "b *:* m", // nodes may be made; to open them is another thing
		"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",
	}, more...)
	if err := h.write(group, file{"devices", "devices.deny", "a"}); err != nil {
		return err
	}
	for _, r := range rules {
		if err := h.write(group, file{"devices", "devices.allow", r}); err != nil {
			return err
		}
	}
	return nil
}
