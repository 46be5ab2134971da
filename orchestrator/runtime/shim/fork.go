package shim

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// step is a system call that a child makes between fork and execve.
type step struct {
	what     string // for the error
	number   uintptr
	args     [6]uintptr
	onResult bool // its first argument is what the step before has returned
	optional bool // a failure is none
	absent   bool // that there is no such file, or that it is of another kind, is no failure
}

// program is what a child does: system calls, prepared by its parent, because a forked Go process may do nothing else. Its last one
// is an execve, or it rests for ever.
type program struct {
	steps []step
	keep  []any // what the arguments point to
	rest  bool
}

// add appends a system call.
func (p *program) add(what string, number uintptr, args ...uintptr) *step {
	s := step{what: what, number: number}
	copy(s.args[:], args)
	p.steps = append(p.steps, s)
	return &p.steps[len(p.steps)-1]
}

// text is the address of a string, as the kernel takes it.
func (p *program) text(s string) uintptr {
	b := append([]byte(s), 0)
	return address(p, &b[0])
}

// texts is the address of a list of strings, as execve takes it.
func (p *program) texts(list []string) uintptr {
	addresses := make([]uintptr, len(list)+1)
	for i, s := range list {
		addresses[i] = p.text(s)
	}
	return address(p, &addresses[0])
}

// address is where a value lies. The program keeps it alive; Go doesn't move what is on the heap.
func address[T any](p *program, value *T) uintptr {
	p.keep = append(p.keep, value)
	return uintptr(unsafe.Pointer(value))
}

// child is a process that the shim made and has not waited for, so its id can be no other's.
type child struct {
	pid   int
	pidfd int
}

// fork makes a process on the caller's thread, which gives it its namespaces, and returns when it has made its last step.
func fork(flags uintptr, p *program) (child, error) {
	var report [2]int
	if err := unix.Pipe2(report[:], unix.O_CLOEXEC); err != nil {
		return child{}, fmt.Errorf("shim: pipe: %w", err)
	}
	defer func() { _ = unix.Close(report[0]) }()
	pidfd, failure := new(int32), new([2]int32)
	pid, errno := clone(flags, pidfd, p.steps, failure, uintptr(report[1]), p.rest)
	runtime.KeepAlive(p)
	_ = unix.Close(report[1])
	if errno != 0 {
		return child{}, fmt.Errorf("shim: fork: %w", errno)
	}
	c := child{pid: int(pid), pidfd: int(*pidfd)}
	if err := outcome(report[0], p.steps); err != nil {
		c.kill()
		return child{}, err
	}
	return c, nil
}

// outcome waits until a child has made all its steps, and says which one failed.
func outcome(report int, steps []step) error {
	var failure [2]int32
	b := unsafe.Slice((*byte)(unsafe.Pointer(&failure)), unsafe.Sizeof(failure))
	for {
		n, err := unix.Read(report, b)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("shim: start: %w", err)
		case n == 0:
			return nil
		case n != len(b) || int(failure[0]) >= len(steps):
			return fmt.Errorf("shim: start: a report of %d bytes", n)
		}
		return fmt.Errorf("%s: %w", steps[failure[0]].what, syscall.Errno(failure[1]))
	}
}

// kill ends a child that isn't wanted, and waits for it.
func (c child) kill() {
	_ = unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
	c.wait()
	c.close()
}

// close lets go of a child that was waited for.
func (c child) close() { _ = unix.Close(c.pidfd) }

// wait waits for a child's end and returns its code as shells do. The child's pidfd stays open, and can't mean another process.
func (c child) wait() int32 {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(c.pid, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintf(os.Stderr, "wait for %d: %v\n", c.pid, err)
			return 255
		case status.Signaled():
			return 128 + int32(status.Signal())
		default:
			return int32(status.ExitStatus())
		}
	}
}

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// clone forks and, in the child, makes the steps. The child has one thread and a copy of the parent's memory in which other threads
// may have held any lock: nothing may be called there but system calls, and the stack may not grow.
//
//go:noinline
//go:norace
//go:nocheckptr
func clone(flags uintptr, pidfd *int32, steps []step, failure *[2]int32, report uintptr, rest bool) (uintptr, syscall.Errno) {
	beforeFork()
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD)|unix.CLONE_PIDFD, 0, uintptr(unsafe.Pointer(pidfd)), 0, 0, 0)
	if errno != 0 || pid != 0 {
		afterFork()
		return pid, errno
	}
	afterForkInChild()
	var result uintptr
	for i := range steps {
		s := &steps[i]
		if s.onResult {
			s.args[0] = result
		}
		result, _, errno = syscall.RawSyscall6(s.number, s.args[0], s.args[1], s.args[2], s.args[3], s.args[4], s.args[5])
		if s.optional || errno == 0 || (s.absent && (errno == unix.ENOENT || errno == unix.ENOTDIR)) {
			continue
		}
		failure[0], failure[1] = int32(i), int32(errno)
		_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, report, uintptr(unsafe.Pointer(failure)), unsafe.Sizeof(*failure))
		rest = false
		break
	}
	for rest {
		_, _, _ = syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}
