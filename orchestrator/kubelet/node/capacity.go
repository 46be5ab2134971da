package node

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"golang.org/x/sys/unix"
)

// Reserve is what of the node's capacity pods don't get.
type Reserve struct {
	System, Kube v1.ResourceList
	EvictionHard map[string]string // as configured: what is kept free is nobody's either
}

// Capacity is what the node has, with root's file system as its disk.
func Capacity(root string, maxPods, podsPerCore int32) (v1.ResourceList, error) {
	memory, err := memoryTotal()
	if err != nil {
		return nil, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return nil, fmt.Errorf("file system of %s: %w", root, err)
	}
	cpus := int64(runtime.NumCPU())
	pods := int64(maxPods)
	if podsPerCore > 0 {
		pods = min(pods, int64(podsPerCore)*cpus)
	}
	capacity := v1.ResourceList{
		v1.ResourceCPU:              *resource.NewQuantity(cpus, resource.DecimalSI),
		v1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
		v1.ResourceEphemeralStorage: *resource.NewQuantity(int64(fs.Blocks)*fs.Frsize, resource.BinarySI),
		v1.ResourcePods:             *resource.NewQuantity(pods, resource.DecimalSI),
	}
	return capacity, hugePages(capacity)
}

// Allocatable is what pods can have of a capacity.
func (r Reserve) Allocatable(capacity v1.ResourceList) (v1.ResourceList, error) {
	out := capacity.DeepCopy()
	for _, reserved := range []v1.ResourceList{r.System, r.Kube} {
		for name, q := range reserved {
			if have, known := out[name]; known {
				have.Sub(q)
				out[name] = have
			}
		}
	}
	for signal, name := range map[string]v1.ResourceName{"memory.available": v1.ResourceMemory, "nodefs.available": v1.ResourceEphemeralStorage} {
		text, set := r.EvictionHard[signal]
		if !set {
			continue
		}
		total := capacity[name]
		kept, err := share(text, total.Value())
		if err != nil {
			return nil, fmt.Errorf("evictionHard %s: %w", signal, err)
		}
		have := out[name]
		have.Sub(*resource.NewQuantity(kept, resource.BinarySI))
		out[name] = have
	}
	for name, q := range out {
		if q.Sign() < 0 {
			out[name] = *resource.NewQuantity(0, q.Format)
		}
	}
	return out, nil
}

// share reads a threshold, which is a quantity or a part of the whole.
func share(text string, whole int64) (int64, error) {
	if percent, is := strings.CutSuffix(text, "%"); is {
		p, err := strconv.ParseFloat(percent, 64)
		if err != nil {
			return 0, err
		}
		return int64(float64(whole) * p / 100), nil
	}
	q, err := resource.ParseQuantity(text)
	return q.Value(), err
}

func memoryTotal() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("memory: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "MemTotal:" {
			continue
		}
		kib, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("memory: %w", err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("memory: /proc/meminfo doesn't say")
}

// hugePages adds the pages that the kernel has set aside, by size.
func hugePages(capacity v1.ResourceList) error {
	sizes, err := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-*kB")
	if err != nil {
		return fmt.Errorf("huge pages: %w", err)
	}
	for _, dir := range sizes {
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(dir), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			continue // not one of the kernel's
		}
		text, err := os.ReadFile(filepath.Join(dir, "nr_hugepages"))
		if err != nil {
			return fmt.Errorf("huge pages: %w", err)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return fmt.Errorf("huge pages: %w", err)
		}
		size := resource.NewQuantity(kib<<10, resource.BinarySI)
		capacity[v1.ResourceName(v1.ResourceHugePagesPrefix+size.String())] = *resource.NewQuantity(n*kib<<10, resource.BinarySI)
	}
	return nil
}
