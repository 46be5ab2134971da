package cri

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Node is what configurations take from the node and the kubelet's settings.
type Node struct {
	Name           string
	LogsDir        string // a folder per pod below
	ClusterDNS     []string
	ClusterDomain  string
	ResolvConf     string // the node's own resolver file; "": pods with DNS policy Default have no resolver
	SeccompRoot    string // where profiles of type Localhost lie
	SeccompDefault bool   // pods that say nothing get the runtime's profile
	MinOOMScore    int64  // what the kernel lets this node set
}

// capSysResource is the bit of the capability by which a process may make itself less likely to be killed.
const capSysResource = 24

// LowestOOMScore is the lowest oom_score_adj that this process may give others.
func LowestOOMScore() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("capabilities: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		mask, found := strings.CutPrefix(lines.Text(), "CapBnd:")
		if !found {
			continue
		}
		bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err != nil {
			return 0, fmt.Errorf("capabilities: %w", err)
		}
		if bits&(1<<capSysResource) != 0 {
			return -1000, nil
		}
		return 0, nil
	}
	return 0, errors.New("capabilities: /proc/self/status doesn't say")
}
