package process

import "syscall"

// sysProcAttr makes the kernel kill the child when the parent dies (I1), and
// keeps a terminal's Ctrl-C from reaching the child before the parent decides.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
