package runtime

import (
	"slices"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// capabilityNames are the kernel's, by their numbers.
var capabilityNames = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN",
	"SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
	"MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

// defaultCapabilities are what a container's root has if nothing else is said, as with other runtimes.
var defaultCapabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",
	"AUDIT_WRITE",
}

// capabilitySets are sets of bits.
type capabilitySets struct{ bounding, ambient uint64 }

// capabilityBit is a capability by its name, with or without "CAP_".
func capabilityBit(name string) (uint64, error) {
	name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	for i, n := range capabilityNames {
		if n == name {
			return 1 << i, nil
		}
	}
	return 0, invalid("unknown capability %q", name)
}

// allCapabilities is what a privileged container has.
func allCapabilities() uint64 { return 1<<len(capabilityNames) - 1 }

// capabilities are what a container may have.
func capabilities(sc *runtimeapi.LinuxContainerSecurityContext) (capabilitySets, error) {
	var sets capabilitySets
	if sc.GetPrivileged() {
		sets.bounding = allCapabilities()
		return sets, nil
	}
	for _, n := range defaultCapabilities {
		bit, err := capabilityBit(n)
		if err != nil {
			return sets, err
		}
		sets.bounding |= bit
	}
	c := sc.GetCapabilities()
	add := func(bits uint64) { sets.bounding |= bits }
	drop := func(bits uint64) { sets.bounding &^= bits }
	ambient := func(bits uint64) { sets.ambient |= bits; sets.bounding |= bits }
	// "ALL" first, then the others: "drop ALL, add one" and "add ALL, drop one" both mean what they say.
	if slices.ContainsFunc(c.GetAddCapabilities(), isAll) {
		add(allCapabilities())
	}
	if slices.ContainsFunc(c.GetDropCapabilities(), isAll) {
		drop(allCapabilities())
	}
	for _, list := range []struct {
		names []string
		f     func(uint64)
	}{{c.GetAddCapabilities(), add}, {c.GetDropCapabilities(), drop}, {c.GetAddAmbientCapabilities(), ambient}} {
		for _, n := range list.names {
			if isAll(n) {
				continue
			}
			bit, err := capabilityBit(n)
			if err != nil {
				return sets, err
			}
			list.f(bit)
		}
	}
	return sets, nil
}

// isAll says whether a name means all capabilities.
func isAll(name string) bool { return strings.EqualFold(name, "ALL") }
