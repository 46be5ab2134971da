package kubeadm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/petcd/petcd/orchestrator/images"
)

// check is one thing that must hold before anything is changed. What is wrong says what to do.
type check struct {
	name string
	ok   func() error
}

// PreflightError is all that is in the way.
type PreflightError struct{ Found []string }

// Error implements error, in upstream's form.
func (e *PreflightError) Error() string {
	return "[preflight] Some fatal errors occurred:\n\t" + strings.Join(e.Found, "\n\t") +
		"\n[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`"
}

// preflight makes checks. Those that are ignored, by name or all, are warnings.
func preflight(checks []check, ignored []string, warn func(string)) error {
	var found []string
	for _, c := range checks {
		err := c.ok()
		switch {
		case err == nil:
		case slices.Contains(ignored, "all"), slices.Contains(ignored, strings.ToLower(c.name)):
			warn(fmt.Sprintf("[WARNING %s]: %v", c.name, err))
		default:
			found = append(found, fmt.Sprintf("[ERROR %s]: %v", c.name, err))
		}
	}
	if found != nil {
		return &PreflightError{found}
	}
	return nil
}

// checks of a machine that becomes a node.
func (n *Node) checks() []check {
	all := []check{
		{"IsPrivilegedUser", func() error {
			if os.Geteuid() != 0 {
				return fmt.Errorf("user is not running as root")
			}
			return nil
		}},
		{"Cgroups", hasCgroups},
		{"FileContent--proc-sys-net-ipv4-ip_forward", func() error {
			text, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
			if err == nil && strings.TrimSpace(string(text)) != "1" {
				err = fmt.Errorf("/proc/sys/net/ipv4/ip_forward contents are not set to 1: run `sysctl -w net.ipv4.ip_forward=1`")
			}
			return err
		}},
		absent(n.Kubeconfig("kubelet.conf")),
		n.hasProgram("kubelet"),
		{"CRISocketPath", func() error {
			if path := strings.TrimPrefix(n.CRISocket, "unix://"); len(path) >= maxSocketPath {
				return fmt.Errorf("%s is longer than %d bytes, which is all that a socket's path may have: choose a shorter --root", path, maxSocketPath-1)
			}
			return nil
		}},
	}
	all = append(all, n.runtimeChecks()...)
	if n.Images != "" {
		all = append(all, n.hasProgram("images"), check{"ImageLayout", n.hasImages})
	}
	for _, port := range []int{10250, 10248} {
		all = append(all, free(port))
	}
	return all
}

// runtimeChecks are about what the runtime needs.
func (n *Node) runtimeChecks() []check {
	if n.Runtime == runtimeEmbedded {
		return []check{n.hasProgram("cri-runtime")}
	}
	if n.IsMachine() {
		return []check{{"CRI", func() error {
			if path := strings.TrimPrefix(n.CRISocket, "unix://"); !isSocket(path) {
				return fmt.Errorf("container runtime is not running: there is no socket %s; start containerd, or choose --runtime=embedded", path)
			}
			return nil
		}}}
	}
	return []check{onPath("containerd", "containerd"), onPath("runc", "runc"), {"FileAvailable--usr-lib-cni-bridge", func() error {
		if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
			return fmt.Errorf("/usr/lib/cni/bridge is missing: install containernetworking-plugins, or choose --runtime=embedded")
		}
		return nil
	}}}
}

// hasProgram looks into the folder of programs.
func (n *Node) hasProgram(name string) check {
	return check{"File-" + name, func() error {
		if info, err := os.Stat(n.program(name)); err != nil || info.Mode()&0o111 == 0 {
			return fmt.Errorf("%s is not there: run `make control-plane`, or say by --bin where it is", n.program(name))
		}
		return nil
	}}
}

func onPath(name, debian string) check {
	return check{"File-" + name, func() error {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%s not found in system path: install %s, or choose --runtime=embedded", name, debian)
		}
		return nil
	}}
}

// hasImages looks for one that every node needs.
func (n *Node) hasImages() error {
	all, err := images.Read(n.Images)
	if err != nil {
		return fmt.Errorf("no images to serve (run `make images`): %w", err)
	}
	if !slices.ContainsFunc(all, func(i images.Image) bool { return i.Name == "pause" && i.Tag == n.Tag }) {
		return fmt.Errorf("%s has no image pause:%s: run `make images` with the programs of that version", n.Images, n.Tag)
	}
	return nil
}

func hasCgroups() error {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return nil
	}
	for _, name := range []string{"cpu", "memory", "pids"} {
		if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", name)); err != nil {
			return fmt.Errorf("no cgroup %s is mounted below /sys/fs/cgroup", name)
		}
	}
	return nil
}

// free asks that nobody listens on a port.
func free(port int) check {
	return check{fmt.Sprintf("Port-%d", port), func() error {
		if listening(port) {
			return fmt.Errorf("Port %d is in use", port)
		}
		return nil
	}}
}

// dashes is how upstream names a file in a check.
func dashes(path string) string { return strings.ReplaceAll(path, "/", "-") }

// absent asks that a file isn't there: one of an earlier init or join is.
func absent(path string) check {
	return check{"FileAvailable-" + dashes(path), func() error {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%s already exists: run `kubeadm reset` first", path)
		}
		return nil
	}}
}

// emptyDir asks that a folder has nothing in it.
func emptyDir(path string) check {
	return check{"DirAvailable-" + dashes(path), func() error {
		if entries, err := os.ReadDir(path); err == nil && len(entries) > 0 {
			return fmt.Errorf("%s is not empty: run `kubeadm reset` first", path)
		}
		return nil
	}}
}

// checks of a machine that becomes a control plane.
func (s *Settings) checks() []check {
	all := s.node().checks()
	for _, port := range []int{int(s.Port), 10259, 10257, 2379, 2380, 2381} {
		all = append(all, free(port))
	}
	for _, name := range allPrograms() {
		all = append(all, absent(s.In(manifestsDir, name+".yaml")))
	}
	return append(all, emptyDir(s.In(etcdDir)))
}
