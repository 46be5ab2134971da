package critest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

// state is what pods have of a machine, each thing by a line that tells it: mounts, cgroups, processes, devices of the network, and
// what the runtime knows of them.
func (s *suite) state(t testing.TB) []string {
	t.Helper()
	var found []string
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(mounts)) {
		found = append(found, "mount at "+strings.Fields(line)[4])
	}
	for _, root := range cgroupRoots() {
		for _, dir := range cgroupsBelow(filepath.Join(root, s.cgroups)) {
			if filepath.Base(dir) != filepath.Base(s.cgroups) {
				found = append(found, "cgroup "+dir)
			}
		}
	}
	for pid, command := range processes() {
		if pid != s.runtime.PID() {
			found = append(found, "process "+command)
		}
	}
	links, err := netlink.LinkList()
	require.NoError(t, err)
	for _, l := range links {
		if l.Type() == "veth" {
			found = append(found, "device "+l.Attrs().Name)
		}
	}
	for id := range s.sandboxes(t, nil) {
		found = append(found, "sandbox "+id)
	}
	for id := range s.containers(t, nil) {
		found = append(found, "container "+id)
	}
	return found
}

// requireNothingLeft waits until what there was before is all that there is. Meanwhile it does the kubelet's part once more: a runtime
// that was ended between its steps removes a container's cgroup after the test did away with the pod's.
func (s *suite) requireNothingLeft(t testing.TB, before []string) {
	t.Helper()
	var left []string
	if !eventually(func() bool {
		for _, root := range cgroupRoots() {
			for _, dir := range cgroupsBelow(filepath.Join(root, s.cgroups)) {
				if strings.HasPrefix(filepath.Base(dir), podCgroup) {
					_ = os.Remove(dir)
				}
			}
		}
		left = slices.DeleteFunc(s.state(t), func(line string) bool { return slices.Contains(before, line) })
		return len(left) == 0
	}) {
		require.Fail(t, fmt.Sprintf("%d things are left", len(left)), strings.Join(left, "\n"))
	}
}

// shims are the processes that hold pods, which a runtime has while there are some.
func (s *suite) shims() (pids []int) {
	for pid, command := range processes() {
		if s.runtime.Shim(command) {
			pids = append(pids, pid)
		}
	}
	return pids
}
