package server

import (
	"os"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// tick is the unit of time in /proc/stat: a hundredth of a second, on every kernel that Go runs on.
const tick = 10 * time.Millisecond

// nodeCPU is how much CPU the machine has used; nil: that can't be read.
func (s *Server) nodeCPU() *stats.CPUStats {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal
	const idle, iowait, last = 4, 5, 8
	if len(fields) <= last {
		return nil
	}
	var used uint64
	for i := 1; i <= last; i++ {
		if i == idle || i == iowait {
			continue
		}
		n, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return nil
		}
		used += n
	}
	used *= uint64(tick)
	now := time.Now()
	return &stats.CPUStats{Time: metav1.NewTime(now), UsageCoreNanoSeconds: &used, UsageNanoCores: s.cpu.rate("", now, used)}
}

// nodeMemory is how much memory the machine has and uses; nil: that can't be read.
func nodeMemory() *stats.MemoryStats {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil
	}
	figures := map[string]uint64{}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) > 0 {
			if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
				figures[name] = n * 1024
			}
		}
	}
	all, available, free := figures["MemTotal"], figures["MemAvailable"], figures["MemFree"]
	if all < available || all < free || all == 0 {
		return nil
	}
	used, working, rss := all-free, all-available, figures["AnonPages"]
	return &stats.MemoryStats{Time: metav1.Now(), AvailableBytes: &available, UsageBytes: &used, WorkingSetBytes: &working, RSSBytes: &rss}
}

// nodeNetwork is what the interfaces of the node carried; nil: that can't be read. The first one that isn't the pods' is the node's own.
func nodeNetwork() *stats.NetworkStats {
	data, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return nil
	}
	network := &stats.NetworkStats{Time: metav1.Now()}
	for line := range strings.Lines(string(data)) {
		name, rest, ok := strings.Cut(line, ":")
		fields := strings.Fields(rest) // received: bytes packets errs drop fifo frame compressed multicast; then sent: the same
		const rxBytes, rxErrors, txBytes, txErrors = 0, 2, 8, 10
		if name = strings.TrimSpace(name); !ok || len(fields) <= txErrors || name == "lo" {
			continue
		}
		figure := func(i int) *uint64 {
			n, err := strconv.ParseUint(fields[i], 10, 64)
			if err != nil {
				return nil
			}
			return &n
		}
		one := stats.InterfaceStats{Name: name, RxBytes: figure(rxBytes), RxErrors: figure(rxErrors), TxBytes: figure(txBytes), TxErrors: figure(txErrors)}
		network.Interfaces = append(network.Interfaces, one)
		if network.Name == "" && !strings.HasPrefix(name, "veth") && name != "cni0" {
			network.InterfaceStats = one
		}
	}
	return network
}

// nodeProcesses is how many processes there are and may be; nil: that can't be read.
func nodeProcesses() *stats.RlimitStats {
	limit, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return nil
	}
	most, err := strconv.ParseInt(strings.TrimSpace(string(limit)), 10, 64)
	if err != nil {
		return nil
	}
	load, err := os.ReadFile("/proc/loadavg") // 0.00 0.01 0.05 running/all last
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(load))
	const count = 3
	if len(fields) <= count {
		return nil
	}
	_, text, _ := strings.Cut(fields[count], "/")
	now, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil
	}
	return &stats.RlimitStats{Time: metav1.Now(), MaxPID: &most, NumOfRunningProcesses: &now}
}
