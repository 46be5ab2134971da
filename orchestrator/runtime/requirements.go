package runtime

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/orchestrator/runtime/cgroup"
)

// needed are the capabilities that making containers takes.
var needed = []struct {
	name string
	bit  int
}{
	{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}, {"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}, {"CAP_SETUID", unix.CAP_SETUID}, {"CAP_SETGID", unix.CAP_SETGID},
	{"CAP_SETPCAP", unix.CAP_SETPCAP}, {"CAP_MKNOD", unix.CAP_MKNOD}, {"CAP_CHOWN", unix.CAP_CHOWN}, {"CAP_KILL", unix.CAP_KILL},
}

// calls are the newest of the system calls that making containers takes.
var calls = []struct {
	name   string
	number uintptr
}{{"close_range (Linux 5.9)", unix.SYS_CLOSE_RANGE}, {"mount_setattr (Linux 5.12)", unix.SYS_MOUNT_SETATTR}}

// hasSELinux says whether the node's kernel labels processes. Where it doesn't, labels mean nothing, and pods that name one, as
// networks' own do, run as with other runtimes.
func hasSELinux() bool {
	var fs unix.Statfs_t
	return unix.Statfs("/sys/fs/selinux", &fs) == nil && fs.Type == unix.SELINUX_MAGIC
}

// Requirements finds the node's cgroups, and says what is missing for pods: in words, one thing each.
func Requirements(o *Options) (*cgroup.Hierarchy, []string) {
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root: the daemon does not run as user 0")
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		missing = append(missing, "capabilities: "+err.Error())
	}
	have := uint64(data[0].Effective) | uint64(data[1].Effective)<<32
	for _, c := range needed {
		if have&(1<<c.bit) == 0 {
			missing = append(missing, "the capability "+c.name)
		}
	}
	h, err := cgroup.Find()
	if err != nil {
		missing = append(missing, err.Error())
		h = &cgroup.Hierarchy{}
	} else if m := h.Missing(); len(m) > 0 {
		missing = append(missing, "the cgroup controllers "+strings.Join(m, ", "))
	}
	if info, err := os.Stat(o.Shim); err != nil {
		missing = append(missing, fmt.Sprintf("the program cri-shim: %v", err))
	} else if info.IsDir() || info.Mode()&0o111 == 0 {
		missing = append(missing, fmt.Sprintf("the program cri-shim: %s can't be executed", o.Shim))
	}
	for _, c := range calls {
		// Without sensible arguments they fail one way or the other; ENOSYS says that they are not there.
		if _, _, errno := unix.Syscall6(c.number, ^uintptr(0), 0, ^uintptr(0), 0, 0, 0); errno == unix.ENOSYS {
			missing = append(missing, "the system call "+c.name)
		}
	}
	return h, missing
}
