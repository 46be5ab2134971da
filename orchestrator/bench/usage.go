package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/petcd/petcd/orchestrator/clustertest"
)

// ticksPerSecond is what /proc counts processor time in: USER_HZ, which is 100 on every architecture that Go knows.
const ticksPerSecond = 100

// usage is what a process took.
type usage struct {
	CPU    float64 `json:"cpu_s"`
	RSS    float64 `json:"rss_mib"`
	RSSMax float64 `json:"rss_peak_mib"`
}

// usages are those of the cluster's processes as of now.
func usages(c *clustertest.Cluster) map[string]usage {
	all := map[string]usage{}
	for _, p := range []*clustertest.Process{c.Store, c.APIServer, c.Controller, c.Scheduler} {
		all[p.Name] = usageOf(p.PID())
	}
	return all
}

// usageOf reads /proc; what cannot be read is zero.
func usageOf(pid int) (u usage) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	if f := strings.Fields(rest); len(f) > 12 {
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		u.CPU = (user + system) / ticksPerSecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			u.RSS = kib / 1024
		case "VmHWM:":
			u.RSSMax = kib / 1024
		}
	}
	return u
}

// since is what was used between two moments, memory as of the second.
func since(before, now map[string]usage) map[string]usage {
	for name, u := range now {
		u.CPU -= before[name].CPU
		now[name] = u
	}
	return now
}

// diskMiB is what a folder takes.
func diskMiB(dir string) float64 {
	total := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // what goes away meanwhile does not count
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return float64(total) / (1 << 20)
}
