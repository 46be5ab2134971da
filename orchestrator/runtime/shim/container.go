package shim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// drain is how long a container's streams may stay open once all its processes are gone: somebody outside may have got hold of them.
const drain = 2 * time.Second

// container is one that was started.
type container struct {
	spec    *Container
	first   *launched
	started time.Time
	log     *logFile
	stdout  output
	stderr  output
	pidNS   int

	mu    sync.Mutex // guards what follows
	exit  *Exit
	ended chan struct{} // closed when exit is set
}

// newContainer makes and starts a container.
func newContainer(p *pod, spec *Container, k kernel, target int) (*container, error) {
	c := &container{spec: spec, ended: make(chan struct{})}
	var err error
	if c.log, err = openLog(spec.LogPath); err != nil {
		return nil, err
	}
	before := oomKills(spec.Cgroup.OOM)
	if c.first, err = p.start(spec, k, target); err != nil {
		c.log.close()
		killAll(spec.Cgroup.Dirs)
		return nil, err
	}
	c.started = time.Now()
	if c.pidNS, err = unix.Open(fmt.Sprintf("/proc/%d/ns/pid", c.first.pid), unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		c.first.kill()
		c.first.closeStreams()
		c.log.close()
		return nil, fmt.Errorf("shim: %w", err)
	}
	go c.follow(before)
	return c, nil
}

// follow sees a container to its end.
func (c *container) follow(oomBefore uint64) {
	var copying sync.WaitGroup
	if t := c.first.terminal; t != nil {
		copying.Go(func() { c.stdout.copy("stdout", t, c.log) })
	} else {
		copying.Go(func() { c.stdout.copy("stdout", c.first.stdout, c.log) })
		copying.Go(func() { c.stderr.copy("stderr", c.first.stderr, c.log) })
	}
	exit := &Exit{Code: c.first.wait(), Finished: time.Now()}
	killAll(c.spec.Cgroup.Dirs)
	exit.OOMKilled = oomKills(c.spec.Cgroup.OOM) > oomBefore
	copied := make(chan struct{})
	go func() {
		copying.Wait()
		close(copied)
	}()
	select {
	case <-copied:
	case <-time.After(drain):
	}
	c.first.closeStreams()
	c.log.close()
	removeCgroups(c.spec.Cgroup.Dirs)
	_ = unix.Close(c.pidNS)
	if err := writeExit(c.spec.ExitFile, exit); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	c.mu.Lock()
	c.exit = exit
	c.mu.Unlock()
	close(c.ended)
}

// state is how the container is.
func (c *container) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return State{Pid: c.first.pid, Started: c.started, User: c.first.user, Exit: c.exit}
}

// signal sends a signal to the first process or to all.
func (c *container) signal(s *Signal) error {
	if s.All {
		killAll(c.spec.Cgroup.Dirs)
	}
	err := unix.PidfdSendSignal(c.first.pidfd, unix.Signal(s.Number), nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil // it is gone already
	}
	if err != nil {
		return fmt.Errorf("signal %d: %w", s.Number, err)
	}
	return nil
}

// attach connects somebody's streams until the container or they end. The files are stdin, stdout and stderr.
func (c *container) attach(files []int, in bool, gone <-chan struct{}) {
	open := make([]*os.File, len(files))
	for i, fd := range files {
		_ = unix.SetNonblock(fd, true)
		open[i] = os.NewFile(uintptr(fd), "attached")
	}
	stdin, stdout, stderr := open[0], open[1], open[2]
	c.stdout.attach(stdout)
	c.stderr.attach(stderr)
	go func() {
		defer func() { _ = stdin.Close() }()
		to := c.first.stdin
		if c.first.terminal != nil && c.spec.Stdin {
			to = c.first.terminal
		}
		if to == nil || !in {
			return
		}
		_, _ = io.Copy(to, stdin)
		if c.spec.Once && c.first.stdin != nil {
			_ = c.first.stdin.Close()
		}
	}()
	select {
	case <-c.ended:
	case <-gone:
	}
	_ = stdin.SetReadDeadline(time.Now())
	c.stdout.detach(stdout)
	c.stderr.detach(stderr)
}

// writeExit keeps how a container ended, at once or not at all.
func writeExit(file string, exit *Exit) error {
	data, err := json.Marshal(exit)
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	return nil
}

// ReadExit reads how a container ended; os.ErrNotExist says that it has not.
func ReadExit(file string) (*Exit, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var exit Exit
	if err := json.Unmarshal(data, &exit); err != nil {
		return nil, fmt.Errorf("shim: %s: %w", file, err)
	}
	return &exit, nil
}

// WriteExit keeps how a container ended that never ran.
func WriteExit(file string, exit Exit) error { return writeExit(file, &exit) }

// oomKills counts the processes of a cgroup that were killed for memory.
func oomKills(file string) uint64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			count, _ := strconv.ParseUint(strings.TrimSpace(n), 10, 64)
			return count
		}
	}
	return 0
}

// killAll kills whatever is in the cgroups, and is sure that nothing is left there.
func killAll(dirs []string) {
	for _, dir := range dirs {
		if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil {
			continue
		}
		for range 100 { // what forks meanwhile is found the next time
			if !killOnce(dir) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// killOnce kills what is in a cgroup and says whether there was anything.
func killOnce(dir string) bool {
	pids := members(dir)
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		// The id may have become another's before it was opened.
		if slices.Contains(members(dir), pid) {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		_ = unix.Close(fd)
	}
	return len(pids) > 0
}

// members are the processes in a cgroup.
func members(dir string) []int {
	data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	var pids []int
	for f := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// removeCgroups removes empty cgroups. The daemon does it again, should one still be busy.
func removeCgroups(dirs []string) {
	for _, dir := range dirs {
		for range 50 {
			if err := unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// Purge kills all that is in the given cgroups and removes them: what a shim leaves that was killed.
func Purge(dirs []string) {
	killAll(dirs)
	removeCgroups(dirs)
}
