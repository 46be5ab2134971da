package seccomp

import (
	"bytes"
	"encoding/binary"
	"fmt"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// newNamespaces are the flags of clone that make namespaces.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// Default is the filter of a container with these capabilities (a set of bits), as the kernel takes it.
func Default(capabilities uint64) ([]byte, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	allowed := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	seen := map[string]bool{}
	allow := func(names ...string) {
		for _, n := range names {
			if _, known := info.SyscallNames[n]; known && !seen[n] {
				seen[n] = true
				allowed.Names = append(allowed.Names, n)
			}
		}
	}
	conditional := func(name string, conditions ...seccomp.Condition) {
		if _, known := info.SyscallNames[name]; known && !seen[name] {
			allowed.NamesWithCondtions = append(allowed.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: conditions})
		}
	}
	allow(harmless...)
	for capability, names := range byCapability {
		if capabilities&(1<<capability) != 0 {
			allow(names...)
		}
	}
	if capabilities&(1<<unix.CAP_SYS_ADMIN) == 0 {
		conditional("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsNotSet, Value: newNamespaces})
	}
	for _, persona := range personalities {
		conditional("personality", seccomp.Condition{Argument: 0, Operation: seccomp.Equal, Value: persona})
	}
	// Sockets to the hypervisor lead out of the container.
	conditional("socket", seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_VSOCK})

	absent := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)}
	if !seen["clone3"] {
		absent.Names = []string{"clone3"}
	}
	policy := seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{absent, allowed}}
	program, err := policy.Assemble()
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	return assemble(program)
}

// assemble writes a filter in the kernel's form.
func assemble(program []bpf.Instruction) ([]byte, error) {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	var b bytes.Buffer
	for _, i := range raw {
		if err := binary.Write(&b, binary.NativeEndian, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K}); err != nil {
			return nil, fmt.Errorf("seccomp: %w", err)
		}
	}
	return b.Bytes(), nil
}
