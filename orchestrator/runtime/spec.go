package runtime

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/runtime/image"
	"github.com/petcd/petcd/orchestrator/runtime/seccomp"
	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

// What a container may neither see nor change of /proc and /sys, unless it is privileged: the kubelet's own lists, for who sends none.
var (
	maskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// defaultEnv is what every container has in its environment unless somebody says otherwise.
const defaultEnv = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// validContainer refuses what this runtime can't make.
func (s *Server) validContainer(c *runtimeapi.ContainerConfig) error {
	sc := c.GetLinux().GetSecurityContext()
	switch {
	case sc.GetRunAsGroup() != nil && sc.GetRunAsUser() == nil && sc.GetRunAsUsername() == "":
		return invalid("runAsGroup is set without runAsUser")
	case sc.GetApparmor().GetProfileType() == runtimeapi.SecurityProfile_Localhost:
		return unsupported("AppArmor profiles of files")
	case sc.GetNamespaceOptions().GetUsernsOptions().GetMode() == runtimeapi.NamespaceMode_POD && sc.GetNamespaceOptions().GetUsernsOptions() != nil:
		return unsupported("user namespaces")
	case s.selinux && proto.Size(sc.GetSelinuxOptions()) > 0:
		return unsupported("SELinux labels")
	case len(c.GetCDIDevices()) > 0:
		return unsupported("CDI devices")
	}
	for _, m := range c.GetMounts() {
		switch {
		case m.GetImage() != nil:
			return unsupported("images as volumes")
		case !path.IsAbs(m.GetContainerPath()):
			return invalid("mount %q: not an absolute path in the container", m.GetContainerPath())
		case path.Clean(m.GetContainerPath()) == "/":
			return invalid("mount %q: it would hide all that the container is made of, and what protects the node", m.GetContainerPath())
		case !path.IsAbs(m.GetHostPath()):
			return invalid("mount %q: not an absolute path on the node", m.GetHostPath())
		case m.GetRecursiveReadOnly() && !m.GetReadonly():
			return invalid("mount %q: recursively read-only, and not read-only", m.GetContainerPath())
		case m.GetRecursiveReadOnly() && m.GetPropagation() != runtimeapi.MountPropagation_PROPAGATION_PRIVATE:
			return invalid("mount %q: recursively read-only mounts are private", m.GetContainerPath())
		case len(m.GetMountOptions()) > 0:
			return unsupported("mount options")
		}
	}
	_, err := capabilities(sc)
	return err
}

// spec says how a container is made.
func (s *Server) spec(b *sandbox, c *container) (*shim.Container, error) {
	sc := c.config.GetLinux().GetSecurityContext()
	spec := &shim.Container{
		ID: c.record.ID, ExitFile: s.exitFile(c.record.ID), Layers: c.record.Layers, Root: s.rootDir("containers", c.record.ID, "root"),
		Upper: s.rootDir("containers", c.record.ID, "upper"), Work: s.rootDir("containers", c.record.ID, "work"),
		ReadOnly: sc.GetReadonlyRootfs(), AllDevices: sc.GetPrivileged(), PIDTarget: sc.GetNamespaceOptions().GetTargetId(),
		Stdin: c.config.GetStdin(), Once: c.config.GetStdinOnce(), LogPath: logPath(b.config, c.config),
		Cgroup: shim.Cgroup{Dirs: s.cgroups.Dirs(c.record.Group), Shown: s.cgroups.Shown(c.record.Group), OOM: s.cgroups.OOMFile(c.record.Group)},
	}
	if len(spec.Layers) == 0 {
		empty, err := s.images.Empty()
		if err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
		spec.Layers = []string{empty}
	}
	switch sc.GetNamespaceOptions().GetPid() {
	case runtimeapi.NamespaceMode_POD:
		if b.config.GetLinux().GetSecurityContext().GetNamespaceOptions().GetPid() == runtimeapi.NamespaceMode_POD {
			spec.PID = shim.PodPID
		}
	case runtimeapi.NamespaceMode_NODE:
		spec.PID = shim.NodePID
	case runtimeapi.NamespaceMode_TARGET:
		spec.PID = shim.TargetPID
	}
	if !spec.AllDevices {
		spec.Masked, spec.Fixed = sc.GetMaskedPaths(), sc.GetReadonlyPaths()
		if len(spec.Masked) == 0 && len(spec.Fixed) == 0 {
			spec.Masked, spec.Fixed = maskedPaths, readonlyPaths
		}
	}
	var err error
	for v := range c.record.Image.Config.Volumes {
		if path.Clean("/"+v) != "/" { // as a mount, and it is writable if the root is
			spec.Volumes = append(spec.Volumes, v)
		}
	}
	slices.Sort(spec.Volumes)
	if spec.Mounts, err = s.mounts(b, c.config); err != nil {
		return nil, err
	}
	for _, d := range c.config.GetDevices() {
		spec.Devices = append(spec.Devices, shim.Device{Source: d.GetHostPath(), Target: d.GetContainerPath()})
	}
	if spec.LogPath != "" {
		if err := os.MkdirAll(filepath.Dir(spec.LogPath), 0o755); err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
	}
	spec.Process, err = process(b.config, c.config, c.record.Image)
	return spec, err
}

// logPath is a container's log; "" says that it has none.
func logPath(b *runtimeapi.PodSandboxConfig, c *runtimeapi.ContainerConfig) string {
	if b.GetLogDirectory() == "" || c.GetLogPath() == "" {
		return ""
	}
	return filepath.Join(b.LogDirectory, filepath.Clean("/"+c.LogPath))
}

// mounts are a container's mounts: those that it has asked for, and the pod's files of /etc where it has not.
func (s *Server) mounts(b *sandbox, c *runtimeapi.ContainerConfig) ([]shim.Mount, error) {
	sc := c.GetLinux().GetSecurityContext()
	var all []shim.Mount
	taken := map[string]bool{}
	for _, m := range c.GetMounts() {
		taken[path.Clean(m.GetContainerPath())] = true
		// As in other runtimes, what isn't there is a folder.
		if _, err := os.Stat(m.HostPath); os.IsNotExist(err) {
			if err := os.MkdirAll(m.HostPath, 0o755); err != nil {
				return nil, fmt.Errorf("mount %s: %w", m.HostPath, err)
			}
		}
		mount := shim.Mount{
			Source: m.HostPath, Target: m.ContainerPath, ReadOnly: m.Readonly, Recursive: m.RecursiveReadOnly, NoDevices: !sc.GetPrivileged(),
		}
		switch m.Propagation {
		case runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
			mount.Propagation = shim.HostToContainer
		case runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL:
			mount.Propagation = shim.Bidirectional
		}
		all = append(all, mount)
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		if target := "/etc/" + name; !taken[target] {
			all = append(all, shim.Mount{Source: filepath.Join(s.sandboxDir(b.record.ID), name), Target: target, ReadOnly: sc.GetReadonlyRootfs(), NoDevices: true})
		}
	}
	return all, nil
}

// deviceRules are the rules for v1's controller of the devices that a container has asked for.
func deviceRules(devices []*runtimeapi.Device) ([]string, error) {
	var rules []string
	for _, d := range devices {
		var stat unix.Stat_t
		if err := unix.Stat(d.GetHostPath(), &stat); err != nil {
			return nil, fmt.Errorf("device %s: %w", d.GetHostPath(), err)
		}
		kind := "c"
		switch stat.Mode & unix.S_IFMT {
		case unix.S_IFCHR:
		case unix.S_IFBLK:
			kind = "b"
		default:
			return nil, fmt.Errorf("device %s: it is none", d.GetHostPath())
		}
		permissions := d.GetPermissions()
		if permissions == "" {
			permissions = "rwm"
		}
		if strings.Trim(permissions, "rwm") != "" {
			return nil, fmt.Errorf("device %s: unknown permissions %q", d.GetHostPath(), permissions)
		}
		rules = append(rules, fmt.Sprintf("%s %d:%d %s", kind, unix.Major(stat.Rdev), unix.Minor(stat.Rdev), permissions))
	}
	return rules, nil
}

// processArgs is a container's command line: its own, or its image's.
func processArgs(c *runtimeapi.ContainerConfig, i image.Image) ([]string, error) {
	command, args := c.GetCommand(), c.GetArgs()
	if len(command) == 0 {
		command = i.Config.Entrypoint
		if len(args) == 0 {
			args = i.Config.Cmd
		}
	}
	all := slices.Concat(command, args)
	if len(all) == 0 || all[0] == "" {
		return nil, invalid("no command specified: neither the container nor its image has one")
	}
	return all, nil
}

// process is a container's first process.
func process(b *runtimeapi.PodSandboxConfig, c *runtimeapi.ContainerConfig, i image.Image) (shim.Process, error) {
	sc := c.GetLinux().GetSecurityContext()
	p := shim.Process{
		Dir: c.GetWorkingDir(), NoNewPrivs: sc.GetNoNewPrivs(), Terminal: c.GetTty(),
		Strict: sc.GetSupplementalGroupsPolicy() == runtimeapi.SupplementalGroupsPolicy_Strict,
	}
	var err error
	if p.Args, err = processArgs(c, i); err != nil {
		return p, err
	}
	if p.Dir == "" {
		p.Dir = i.Config.WorkingDir
	}
	p.Dir = path.Clean("/" + p.Dir)
	p.Env = environment(b, c, i)
	p.Name = i.Config.User
	switch {
	case sc.GetRunAsUser() != nil:
		if p.User.UID, err = id(sc.RunAsUser.Value); err != nil {
			return p, err
		}
		p.Name = ""
	case sc.GetRunAsUsername() != "":
		p.Name = sc.RunAsUsername
	}
	if sc.GetRunAsGroup() != nil {
		if p.User.GID, err = id(sc.RunAsGroup.Value); err != nil {
			return p, err
		}
		p.User.HasGID = true
	}
	for _, g := range sc.GetSupplementalGroups() {
		n, err := id(g)
		if err != nil {
			return p, err
		}
		p.User.Groups = append(p.User.Groups, n)
	}
	caps, err := capabilities(sc)
	if err != nil {
		return p, err
	}
	p.Bounding, p.Capabilities, p.Ambient = caps.bounding, caps.bounding, caps.ambient
	if !sc.GetPrivileged() {
		if p.Seccomp, err = filter(sc.GetSeccomp(), caps.bounding); err != nil {
			return p, err
		}
	}
	score := int(c.GetLinux().GetResources().GetOomScoreAdj())
	p.OOMScoreAdj = &score
	return p, nil
}

// filter is the filter of system calls of a profile. The zero value, and no profile at all, are the default one: to be unconfined has
// to be asked for.
func filter(profile *runtimeapi.SecurityProfile, capabilities uint64) ([]byte, error) {
	switch profile.GetProfileType() {
	case runtimeapi.SecurityProfile_RuntimeDefault:
		return seccomp.Default(capabilities)
	case runtimeapi.SecurityProfile_Localhost:
		return seccomp.File(profile.GetLocalhostRef())
	}
	return nil, nil
}

// id reads a user's or group's number.
func id(n int64) (uint32, error) {
	if n < 0 || n > 1<<31-1 {
		return 0, invalid("%d is no user or group", n)
	}
	return uint32(n), nil
}

// environment is a container's environment: its image's, and what the container sets beside or instead.
func environment(b *runtimeapi.PodSandboxConfig, c *runtimeapi.ContainerConfig, i image.Image) []string {
	env := []string{defaultEnv}
	if name := b.GetHostname(); name != "" {
		env = append(env, "HOSTNAME="+name)
	}
	if c.GetTty() {
		env = append(env, "TERM=xterm")
	}
	for _, e := range i.Config.Env {
		env = setEnv(env, e)
	}
	for _, kv := range c.GetEnvs() {
		env = setEnv(env, kv.GetKey()+"="+string(kv.GetValue()))
	}
	return env
}

// setEnv sets a variable where it is, or at the end.
func setEnv(env []string, entry string) []string {
	name, _, _ := strings.Cut(entry, "=")
	for i, e := range env {
		if strings.HasPrefix(e, name+"=") {
			env[i] = entry
			return env
		}
	}
	return append(env, entry)
}

// stopSignal is the signal that asks a container to end. Server.mu is locked.
func (c *container) stopSignal() unix.Signal {
	if sig := c.config.GetStopSignal(); sig != runtimeapi.Signal_SIGNAL_RUNTIME_DEFAULT {
		return signalNumber(sig.String())
	}
	return signalNumber(c.record.Image.Config.StopSignal)
}

// signalNumber reads a signal as images name them: SIGTERM, TERM, 15, SIGRTMIN+3 (in CRI's enumeration SIGNAL_SIGRTMINPLUS3).
func signalNumber(name string) unix.Signal {
	const first, last = 34, 64 // of the real-time signals
	name = strings.TrimPrefix(strings.ToUpper(name), "SIGNAL_")
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= last {
		return unix.Signal(n)
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	name = strings.NewReplacer("PLUS", "+", "MINUS", "-").Replace(name)
	for prefix, base := range map[string]int{"SIGRTMIN": first, "SIGRTMAX": last} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if offset, _ := strconv.Atoi(rest); base+offset >= first && base+offset <= last {
				return unix.Signal(base + offset)
			}
		}
	}
	if n := unix.SignalNum(name); n != 0 {
		return n
	}
	return unix.SIGTERM
}
