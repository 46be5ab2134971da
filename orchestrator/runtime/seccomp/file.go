package seccomp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// maxProfile bounds a profile's file.
const maxProfile = 4 << 20

// profile is a filter as OCI's runtimes read it from JSON.
type profile struct {
	DefaultAction   string `json:"defaultAction"`
	DefaultErrnoRet *uint  `json:"defaultErrnoRet"`
	Syscalls        []rule `json:"syscalls"`
}

// rule is what happens to some calls.
type rule struct {
	Names    []string   `json:"names"`
	Name     string     `json:"name"`
	Action   string     `json:"action"`
	ErrnoRet *uint      `json:"errnoRet"`
	Args     []argument `json:"args"`
}

// argument is a condition of a rule.
type argument struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo"`
	Op       string `json:"op"`
}

// actions are OCI's names.
var actions = map[string]seccomp.Action{
	"SCMP_ACT_KILL": seccomp.ActionKillThread, "SCMP_ACT_KILL_THREAD": seccomp.ActionKillThread, "SCMP_ACT_KILL_PROCESS": seccomp.ActionKillProcess,
	"SCMP_ACT_TRAP": seccomp.ActionTrap, "SCMP_ACT_ERRNO": seccomp.ActionErrno, "SCMP_ACT_LOG": seccomp.ActionLog, "SCMP_ACT_ALLOW": seccomp.ActionAllow,
}

// operations are OCI's names.
var operations = map[string]seccomp.Operation{
	"SCMP_CMP_NE": seccomp.NotEqual, "SCMP_CMP_EQ": seccomp.Equal, "SCMP_CMP_LT": seccomp.LessThan, "SCMP_CMP_LE": seccomp.LessOrEqual,
	"SCMP_CMP_GT": seccomp.GreaterThan, "SCMP_CMP_GE": seccomp.GreaterOrEqual,
}

// File is the filter of a profile on the node. Calls of other architectures get its default action.
func File(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxProfile {
		return nil, fmt.Errorf("seccomp: %s is no profile", name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	filter, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %s: %w", name, err)
	}
	return filter, nil
}

// parse makes a filter of a profile.
func parse(data []byte) ([]byte, error) {
	var p profile
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	var policy seccomp.Policy
	if policy.DefaultAction, err = action(p.DefaultAction, nil); err != nil {
		return nil, err
	}
	if p.DefaultErrnoRet != nil && *p.DefaultErrnoRet != uint(unix.EPERM) && policy.DefaultAction == seccomp.ActionErrno {
		return nil, errors.New("a default error other than EPERM is not supported")
	}
	for _, r := range p.Syscalls {
		g, err := r.group(info)
		if err != nil {
			return nil, err
		}
		policy.Syscalls = append(policy.Syscalls, g)
	}
	if len(policy.Syscalls) == 0 {
		policy.Syscalls = []seccomp.SyscallGroup{{Action: policy.DefaultAction}}
	}
	program, err := policy.Assemble()
	if err != nil {
		return nil, err
	}
	return assemble(program)
}

// action reads an action, with the error that it returns.
func action(name string, errno *uint) (seccomp.Action, error) {
	a, ok := actions[name]
	if !ok {
		return 0, fmt.Errorf("the action %q is not supported", name)
	}
	if a == seccomp.ActionErrno && errno != nil {
		if *errno > 4095 {
			return 0, fmt.Errorf("%d is no error", *errno)
		}
		a |= seccomp.Action(*errno)
	}
	return a, nil
}

// group is the rule as the library takes it. Calls that this architecture doesn't have are left out.
func (r *rule) group(info *arch.Info) (seccomp.SyscallGroup, error) {
	var g seccomp.SyscallGroup
	var err error
	if g.Action, err = action(r.Action, r.ErrnoRet); err != nil {
		return g, err
	}
	var conditions seccomp.ArgumentConditions
	for _, a := range r.Args {
		c := seccomp.Condition{Argument: uint32(a.Index), Operation: operations[a.Op], Value: a.Value}
		switch {
		case a.Index > 5:
			return g, fmt.Errorf("no call has an argument %d", a.Index)
		case a.Op == "SCMP_CMP_MASKED_EQ" && a.ValueTwo == 0:
			c.Operation = seccomp.BitsNotSet
		case c.Operation == "":
			return g, fmt.Errorf("the comparison %s with %#x and %#x is not supported", a.Op, a.Value, a.ValueTwo)
		}
		conditions = append(conditions, c)
	}
	names := r.Names
	if r.Name != "" {
		names = append(names, r.Name)
	}
	seen := map[string]bool{}
	for _, n := range names {
		if _, known := info.SyscallNames[n]; !known || seen[n] {
			continue
		}
		seen[n] = true
		if len(conditions) == 0 {
			g.Names = append(g.Names, n)
		} else {
			g.NamesWithCondtions = append(g.NamesWithCondtions, seccomp.NameWithConditions{Name: n, Conditions: conditions})
		}
	}
	return g, nil
}
