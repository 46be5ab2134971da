package node

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"

	"golang.org/x/sys/unix"
)

// info is what the node is made of. What a machine doesn't say is left empty, as upstream does.
func info(runtimeVersion string) v1.NodeSystemInfo {
	i := v1.NodeSystemInfo{
		OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, KubeletVersion: version.Get().String(),
		ContainerRuntimeVersion: runtimeVersion, MachineID: line("/etc/machine-id"), BootID: line("/proc/sys/kernel/random/boot_id"),
		SystemUUID: strings.ToLower(line("/sys/class/dmi/id/product_uuid")), OSImage: osImage(),
	}
	if i.SystemUUID == "" {
		i.SystemUUID = i.MachineID
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		i.KernelVersion = unix.ByteSliceToString(uts.Release[:])
	}
	return i
}

func line(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func osImage() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Unknown"
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, found := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); found {
			return strings.Trim(name, `"'`)
		}
	}
	return "Unknown"
}
