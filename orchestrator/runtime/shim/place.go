package shim

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// place makes a child's first steps: into its cgroups, and how soon it is killed when the node has no memory left. It is called as
// long as the thread sees the node's files; after the fork, leave closes what it has opened of them.
func (p *program) place(cgroups []string, oomScoreAdj *int) (leave func(), err error) {
	var open []int
	leave = func() { closeAll(open) }
	defer func() {
		if err != nil {
			leave()
		}
	}()
	self := p.text("0")
	for _, dir := range cgroups {
		fd, err := openMembers(dir)
		if err != nil {
			return nil, fmt.Errorf("shim: cgroup %s: %w", dir, err)
		}
		open = append(open, fd)
		p.add("cgroup "+dir, unix.SYS_WRITE, uintptr(fd), self, 1)
	}
	if oomScoreAdj == nil {
		return leave, nil
	}
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("shim: /proc: %w", err)
	}
	open = append(open, proc)
	score := fmt.Sprintf("%d", *oomScoreAdj)
	p.add("oom_score_adj", unix.SYS_OPENAT, uintptr(proc), p.text("self/oom_score_adj"), unix.O_WRONLY|unix.O_CLOEXEC)
	write := p.add("oom_score_adj", unix.SYS_WRITE, 0, p.text(score), uintptr(len(score)))
	// Without CAP_SYS_RESOURCE it can't be lowered below the shim's own.
	write.onResult, write.optional = true, true
	return leave, nil
}

// openMembers opens the file through which a process enters a cgroup. By v1's "tasks", a thread that enters alone need not wait for
// all processes of the node; a child has no other thread.
func openMembers(dir string) (int, error) {
	fd, err := unix.Open(filepath.Join(dir, "tasks"), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		fd, err = unix.Open(filepath.Join(dir, "cgroup.procs"), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	}
	return fd, err
}
