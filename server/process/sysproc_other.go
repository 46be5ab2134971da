//go:build !linux

package process

import "syscall"

// sysProcAttr: other systems have no parent-death signal.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
