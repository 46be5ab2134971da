// Command attacker does, within a container, what it must not be able to do, and prints how each attempt went: "name: ok" or the error.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempts are what can be tried.
var attempts = map[string]func() error{
	"keyctl":       func() error { return number(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(3), 0) },
	"bpf":          func() error { return number(unix.SYS_BPF, 0, 0, 0) },
	"mount":        func() error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "") },
	"unshare-user": func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"clone-user":   cloneUser,
	"clone3":       func() error { return number(unix.SYS_CLONE3, 0, 0, 0) },
	"setns":        func() error { return unix.Setns(0, 0) },
	"perf":         func() error { return number(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0) },
	"open-handle":  func() error { return number(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0) },
	"userfaultfd":  func() error { return number(unix.SYS_USERFAULTFD, 0, 0, 0) },
	"io-uring":     func() error { return number(unix.SYS_IO_URING_SETUP, 1, 0, 0) },
	"kexec":        func() error { return number(unix.SYS_KEXEC_LOAD, 0, 0, 0) },
	"init-module":  func() error { return number(unix.SYS_INIT_MODULE, 0, 0, 0) },
	"reboot":       func() error { return number(unix.SYS_REBOOT, 0, 0, 0) },
	"swapon":       func() error { return number(unix.SYS_SWAPON, 0, 0, 0) },
	"vsock":        func() error { return number(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"open-tree":    func() error { return number(unix.SYS_OPEN_TREE, 0, 0, 0) },
	"fsopen":       func() error { return number(unix.SYS_FSOPEN, 0, 0, 0) },
	"pivot-root":   func() error { return unix.PivotRoot("/", "/") },
	"getpid":       func() error { return number(unix.SYS_GETPID, 0, 0, 0) }, // which has to work
}

// number makes a system call.
func number(n, a, b, c uintptr) error {
	if _, _, errno := unix.Syscall6(n, a, b, c, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// cloneUser tries to get a new user namespace by the call that threads are made with.
func cloneUser() error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

// memory takes megabytes until there are no more.
func memory() {
	var all [][]byte
	for n := 1; ; n++ {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		fmt.Printf("%d MB\n", n)
		runtime.KeepAlive(all)
	}
}

// processes makes processes until it may not.
func processes() {
	for n := 0; n < 1000; n++ {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			fmt.Printf("after %d: %v\n", n, errno)
			return
		}
		for pid == 0 {
			unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
	fmt.Println("no limit")
}

// forks makes processes that make processes and end, for ever.
func forks() {
	fmt.Println("begun")
	var made uintptr
	for {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 || (made == 0 && pid != 0) {
			continue // the first stays
		}
		if pid == 0 {
			made = 1
		} else {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
}

// cpu uses a processor for a time and prints how much of it it got.
func cpu(d time.Duration) {
	for begun := time.Now(); time.Since(begun) < d; {
		_ = unsafe.Sizeof(begun)
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(time.Duration(used.Utime.Nano() + used.Stime.Nano()).Milliseconds())
}

// device makes a node of a device and tries to read it.
func device(major, minor string, kind uint32) error {
	ma, _ := strconv.Atoi(major)
	mi, _ := strconv.Atoi(minor)
	for _, dir := range []string{"/", "/dev/", "/tmp/"} {
		name := dir + "node"
		if err := unix.Mknod(name, kind|0o666, int(unix.Mkdev(uint32(ma), uint32(mi)))); err != nil {
			continue
		}
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		_ = os.Remove(name)
		if err == nil {
			_ = unix.Close(fd)
			return nil
		}
	}
	return unix.EPERM
}

// files prints the descriptors that are open, with what they are.
func files() {
	for fd := range 1024 {
		if link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			fmt.Println(fd, link)
		}
	}
}

func main() {
	for i, name := range os.Args[1:] {
		switch name {
		case "memory":
			memory()
		case "processes":
			processes()
		case "forks":
			forks()
		case "cpu":
			cpu(time.Second)
		case "files":
			files()
		case "sleep":
			time.Sleep(time.Hour)
		case "char", "block":
			kind := uint32(unix.S_IFCHR)
			if name == "block" {
				kind = unix.S_IFBLK
			}
			fmt.Println(result(device(os.Args[i+2], os.Args[i+3], kind)))
			return
		default:
			fmt.Printf("%s: %s\n", name, result(attempts[name]()))
		}
	}
}

// result says how an attempt went.
func result(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}
