package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the CPU times in /proc/<pid>/stat: USER_HZ is 100 on every Linux
// architecture Go supports.
const clockTick = time.Second / 100

// Process is one reading of a process.
type Process struct {
	CPU     time.Duration // user and system, all threads, since the process began
	RSS     int64         // bytes
	RSSPeak int64         // bytes, since the process began
	Written int64         // bytes sent to disks, since the process began
}

// ReadProcess reads /proc/<pid>.
func ReadProcess(pid int) (Process, error) {
	return readProcess("/proc", pid)
}

// readProcess reads below root, which tests set to a folder of their own.
func readProcess(root string, pid int) (Process, error) {
	dir := filepath.Join(root, strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, fmt.Errorf("measure: read process %d: %w", pid, err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Process{}, fmt.Errorf("measure: read process %d: %w", pid, err)
	}
	var p Process
	if p.CPU, err = parseCPU(stat); err != nil {
		return Process{}, fmt.Errorf("stat of process %d: %w", pid, err)
	}
	if p.RSS, err = parseStatusBytes(status, "VmRSS"); err != nil {
		return Process{}, fmt.Errorf("status of process %d: %w", pid, err)
	}
	if p.RSSPeak, err = parseStatusBytes(status, "VmHWM"); err != nil {
		return Process{}, fmt.Errorf("status of process %d: %w", pid, err)
	}
	io, err := os.ReadFile(filepath.Join(dir, "io"))
	if err != nil {
		return Process{}, fmt.Errorf("measure: read process %d: %w", pid, err)
	}
	if p.Written, err = parseNumber(io, "write_bytes", ""); err != nil {
		return Process{}, fmt.Errorf("io of process %d: %w", pid, err)
	}
	return p, nil
}

// parseCPU takes utime and stime, fields 14 and 15 of proc(5)'s stat. The second field is the
// program's name in parentheses and may itself hold blanks and parentheses, so fields are counted
// from the last closing one.
func parseCPU(stat []byte) (time.Duration, error) {
	_, rest, ok := cutLast(stat, ')')
	if !ok {
		return 0, fmt.Errorf("%w: no program name", ErrProcFormat)
	}
	const utime, stime = 14 - 3, 15 - 3 // rest begins at field 3
	fields := bytes.Fields(rest)
	if len(fields) <= stime {
		return 0, fmt.Errorf("%w: %d fields after the name", ErrProcFormat, len(fields))
	}
	var ticks int64
	for _, f := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrProcFormat, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// cutLast is bytes.Cut at the last occurrence of sep.
func cutLast(b []byte, sep byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(b, sep)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// parseStatusBytes finds a "Name:   123 kB" line of proc(5)'s status.
func parseStatusBytes(status []byte, name string) (int64, error) {
	n, err := parseNumber(status, name, " kB")
	return n << 10, err
}

// parseNumber finds a "Name: 123" line that ends in the unit.
func parseNumber(text []byte, name, unit string) (int64, error) {
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(value), unit)
		if !ok {
			return 0, fmt.Errorf("%w: %s without%s", ErrProcFormat, name, unit)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrProcFormat, err)
		}
		return n, nil
	}
	return 0, fmt.Errorf("%w: no %s", ErrProcFormat, name)
}

// Processes sums readings over all members of a cluster.
func Processes(pids []int) (Process, error) {
	var sum Process
	for _, pid := range pids {
		p, err := ReadProcess(pid)
		if err != nil {
			return Process{}, err
		}
		sum.CPU += p.CPU
		sum.RSS += p.RSS
		sum.RSSPeak += p.RSSPeak
		sum.Written += p.Written
	}
	return sum, nil
}
