package runtime

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func security(f func(*runtimeapi.LinuxContainerSecurityContext)) func(*runtimeapi.ContainerConfig) {
	return func(c *runtimeapi.ContainerConfig) { f(c.Linux.SecurityContext) }
}

func limits(f func(*runtimeapi.LinuxContainerResources)) func(*runtimeapi.ContainerConfig) {
	return func(c *runtimeapi.ContainerConfig) { f(c.Linux.Resources) }
}

func bind(host, target string) func(*runtimeapi.ContainerConfig) {
	return func(c *runtimeapi.ContainerConfig) {
		c.Mounts = append(c.Mounts, &runtimeapi.Mount{HostPath: host, ContainerPath: target})
	}
}

// sharedProcesses makes a pod, and a container, whose processes all containers of the pod see.
func sharedProcesses(c *runtimeapi.PodSandboxConfig) {
	c.Linux.SecurityContext.NamespaceOptions.Pid = runtimeapi.NamespaceMode_POD
}

func seesThePod(c *runtimeapi.ContainerConfig) {
	c.Linux.SecurityContext.NamespaceOptions = &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_POD}
}

func TestProcessesOfOthersAreNotSeen(t *testing.T) {
	n := newNode(t)
	n.run(n.pod(), []string{"sleep", "7777"})
	attacker := n.pod()
	n.run(attacker, []string{"sleep", "8888"})
	id := n.run(attacker, []string{"sleep", "9999"})
	out, _ := n.shell(id, "ps")
	require.Contains(t, out, "9999")
	require.NotContains(t, out, "7777", "another pod's")
	require.NotContains(t, out, "8888", "another container's")
	require.NotContains(t, out, "cri-shim")
	out, _ = n.shell(id, "kill -0 $$ && echo alive; ls -d /proc/[0-9]* | wc -l")
	require.Contains(t, out, "alive")
}

func TestFilesOfOthersAreNotSeen(t *testing.T) {
	n := newNode(t)
	secret := filepath.Join(n.dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("of the node"), 0o666))
	victim := n.run(n.pod(), []string{"sh", "-c", "echo mine > /tmp/victim; exec sleep 1000"})
	id := n.run(n.pod(), []string{"sleep", "1000"})
	for _, path := range []string{secret, "/proc/1/root" + secret, "/proc/self/cwd/../../../../.." + secret, "/tmp/victim", n.dir, "/proc/1/root/../.." + n.dir} {
		out, code := n.shell(id, "cat "+path+" || ls "+path)
		require.NotZero(t, code, "%s: %s", path, out)
	}
	out, _ := n.shell(victim, "cat /tmp/victim")
	require.Equal(t, "mine\n", out)
	out, _ = n.shell(id, "cat /proc/self/mountinfo")
	require.NotContains(t, out, "upperdir=/dev", "only its own mounts")
	require.NotContains(t, out, "/old")
}

func TestTheShimCannotBeLookedInto(t *testing.T) {
	n := newNode(t)
	pod := n.pod(sharedProcesses)
	// In a shared PID namespace the first process is the shim's child, which has executed no other program.
	id := n.run(pod, []string{"sleep", "1000"}, seesThePod)
	for _, file := range []string{"exe", "root/", "cwd/", "fd/", "mem", "environ", "maps"} {
		out, code := n.shell(id, "ls /proc/1/"+file+"* > /dev/null && cat /proc/1/"+file+" > /dev/null")
		require.NotZero(t, code, "/proc/1/%s: %s", file, out)
	}
}

func TestTheKernelsSettingsCannotBeWritten(t *testing.T) {
	n := newNode(t)
	for _, with := range [][]func(*runtimeapi.PodSandboxConfig){nil, {func(c *runtimeapi.PodSandboxConfig) {
		c.Linux.SecurityContext.NamespaceOptions.Network = runtimeapi.NamespaceMode_NODE
	}}} {
		id := n.run(n.pod(with...), []string{"sleep", "1000"})
		for _, file := range []string{"/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger",
			"/sys/kernel/mm/ksm/run", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cgroup.procs"} {
			out, code := n.shell(id, "test ! -e "+file+" || echo 0 > "+file+" && test -e "+file)
			require.NotZero(t, code, "%s: %s", file, out)
		}
		out, _ := n.shell(id, "cat /proc/kcore 2> /dev/null | head -c 1 | wc -c; cat /proc/keys | wc -c")
		require.Equal(t, "0\n0\n", out)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	n := newNode(t)
	st := n.exited(n.run(n.pod(), []string{"attacker", "memory"}, limits(func(r *runtimeapi.LinuxContainerResources) { r.MemoryLimitInBytes = 48 << 20 })))
	require.Equal(t, "OOMKilled", st.Reason)
	require.Equal(t, int32(137), st.ExitCode)
	log, err := os.ReadFile(st.LogPath)
	require.NoError(t, err)
	require.NotContains(t, string(log), " 49 MB\n")
}

func TestProcessesAreLimited(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	if n.cgroups.Unified == "" {
		require.NotEmpty(t, n.cgroups.Roots["pids"])
	}
	out := n.output(pod, []string{"attacker", "processes"}, limits(func(r *runtimeapi.LinuxContainerResources) { r.Unified = map[string]string{"pids.max": "20"} }))
	var made int
	_, err := fmt.Sscanf(out, "after %d:", &made)
	require.NoError(t, err, out)
	require.Less(t, made, 20)
}

func TestCPUIsLimited(t *testing.T) {
	n := newNode(t)
	out := n.output(n.pod(), []string{"attacker", "cpu"}, limits(func(r *runtimeapi.LinuxContainerResources) { r.CpuQuota, r.CpuPeriod = 20000, 100000 }))
	used, err := strconv.Atoi(strings.TrimSpace(out))
	require.NoError(t, err)
	require.Less(t, used, 500, "milliseconds of a second, of which it may have 200")
}

func TestForbiddenSystemCalls(t *testing.T) {
	n := newNode(t)
	calls := []string{"keyctl", "bpf", "mount", "unshare-user", "clone-user", "setns", "perf", "open-handle", "userfaultfd", "io-uring", "kexec",
		"init-module", "reboot", "swapon", "vsock", "open-tree", "fsopen", "pivot-root"}
	pod := n.pod()
	for what, with := range map[string]func(*runtimeapi.LinuxContainerSecurityContext){
		"as root":              func(*runtimeapi.LinuxContainerSecurityContext) {},
		"with setuid programs": func(c *runtimeapi.LinuxContainerSecurityContext) { c.NoNewPrivs = false },
		"as a user":            func(c *runtimeapi.LinuxContainerSecurityContext) { c.RunAsUser = &runtimeapi.Int64Value{Value: 1000} },
		"with another's capability": func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.Capabilities = &runtimeapi.Capability{AddCapabilities: []string{"NET_ADMIN"}}
		},
	} {
		out := n.output(pod, append([]string{"attacker"}, calls...), security(with))
		for _, c := range calls {
			require.Contains(t, out, c+": operation not permitted\n", what)
		}
	}
	out := n.output(pod, []string{"attacker", "getpid", "clone3"})
	require.Equal(t, "getpid: ok\nclone3: function not implemented\n", out)
	// The same in a process that comes later.
	id := n.run(pod, []string{"sleep", "1000"})
	out, _ = n.shell(id, "attacker mount bpf; grep Seccomp: /proc/self/status || cat /proc/self/status")
	require.Contains(t, out, "mount: operation not permitted\nbpf: operation not permitted\n")
	require.Contains(t, out, "Seccomp:\t2")
}

func TestDevicesOfTheNodeAreOutOfReach(t *testing.T) {
	n := newNode(t)
	id := n.run(n.pod(), []string{"sleep", "1000"})
	var disk unix.Stat_t
	require.NoError(t, unix.Stat("/", &disk))
	for _, d := range []string{
		"char 1 1", "char 1 2", "char 1 4", "char 1 11", "char 10 200", "char 10 229", "char 4 0",
		fmt.Sprintf("block %d %d", unix.Major(disk.Dev), unix.Minor(disk.Dev)), "block 7 0",
	} {
		out, _ := n.shell(id, "attacker "+d)
		require.Equal(t, "operation not permitted\n", out, d)
	}
	out, _ := n.shell(id, "ls /dev")
	for _, name := range strings.Fields(out) {
		require.Contains(t, []string{"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout", "stderr"}, name)
	}
}

// A container may make the node of a device in a volume. What keeps it from being opened there must hold, too, where that file alone is
// mounted, which is how one gets devices of the node.
func TestADeviceOfAVolumeIsNoDevice(t *testing.T) {
	n := newNode(t)
	node := filepath.Join(n.dir, "node")
	require.NoError(t, unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))) // /dev/zero
	id := n.run(n.pod(), []string{"sleep", "1000"}, bind(node, "/node"), bind("/dev/zero", "/zero"), bind("/dev", "/nodes"))
	out, code := n.shell(id, "head -c 1 /zero | wc -c; head -c 1 /node")
	require.NotZero(t, code)
	require.Contains(t, out, "1\n")
	require.Contains(t, out, "ermission denied")
	_, code = n.shell(id, "head -c 1 /nodes/zero")
	require.NotZero(t, code)
}

// A mount there would take the place of the folders that the container's system is mounted on.
func TestNothingIsMountedOnTheRoot(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	for _, target := range []string{"/", "//", "/x/.."} {
		_, err := n.CreateContainer(context.Background(), &runtimeapi.CreateContainerRequest{PodSandboxId: pod, Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: "c"}, Image: &runtimeapi.ImageSpec{Image: testImage}, Command: []string{"true"},
			Mounts: []*runtimeapi.Mount{{HostPath: n.dir, ContainerPath: target}},
		}})
		require.ErrorContains(t, err, "hide", target)
	}
	file := filepath.Join(n.dir, "root.tar")
	saveImage(t, file, "test.local/root:v1", v1.Config{Volumes: map[string]struct{}{"/": {}}, Env: []string{"PATH=/bin"}}, busyboxLayer(t))
	_, err := n.images.Import(context.Background(), file)
	require.NoError(t, err)
	out := n.output(pod, []string{"sh", "-c", "wc -c < /proc/keys; ls /sys | head -n 1; touch /x"}, security(func(c *runtimeapi.LinuxContainerSecurityContext) {
		c.ReadonlyRootfs = true
	}), func(c *runtimeapi.ContainerConfig) { c.Image.Image = "test.local/root:v1" })
	require.Contains(t, out, "0\nblock\n")
	require.Contains(t, out, "Read-only file system")
}

func TestProcessesThatForkAreKilled(t *testing.T) {
	n := newNode(t)
	pod := n.pod(sharedProcesses) // whose first process isn't the container's
	id := n.run(pod, []string{"attacker", "forks"}, seesThePod, limits(func(r *runtimeapi.LinuxContainerResources) { r.Unified = map[string]string{"pids.max": "100"} }))
	require.Eventually(t, func() bool {
		out, _ := os.ReadFile(n.status(id).LogPath)
		return strings.Contains(string(out), "begun")
	}, patience, time.Millisecond)
	_, err := n.StopContainer(context.Background(), &runtimeapi.StopContainerRequest{ContainerId: id})
	require.NoError(t, err)
	require.Empty(t, processesOf("attacker\x00forks"))
}

// Whoever else has an account on the node: a container's root may have written a program there that makes its caller root.
func TestNobodyElseOfTheNodeReachesIn(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	id := n.run(pod, []string{"sleep", "1000"})
	require.NoError(t, unix.Access(n.dir, unix.X_OK))
	for _, path := range []string{n.rootDir("containers", id), n.sandboxDir(pod), n.containerDir(id)} {
		info, err := os.Stat(filepath.Dir(path))
		require.NoError(t, err)
		require.Zero(t, info.Mode()&0o077, path)
	}
	info, err := os.Stat(filepath.Join(n.sandboxDir(pod), "shim.sock"))
	require.NoError(t, err)
	require.Zero(t, info.Mode()&0o077)
}

func TestLinksInMountsDoNotLeadOut(t *testing.T) {
	n := newNode(t)
	outside, shared := filepath.Join(n.dir, "outside"), filepath.Join(n.dir, "shared")
	require.NoError(t, os.MkdirAll(outside, 0o777))
	require.NoError(t, os.MkdirAll(shared, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666))
	pod := n.pod()
	first := n.run(pod, []string{"sleep", "1000"}, bind(shared, "/shared"))
	_, code := n.shell(first, "ln -s "+outside+" /shared/link && ln -s ../../../../../../../.."+outside+" /shared/up")
	require.Zero(t, code)
	for _, link := range []string{"/shared/link", "/shared/up"} {
		_, code = n.shell(first, "cat "+link+"/secret")
		require.NotZero(t, code)
		// A mount below a link that the container made: it is either refused, or lies within the container.
		id := n.create(pod, []string{"sh", "-c", "echo written > " + link + "/sub/file"}, bind(shared, "/shared"), bind(filepath.Join(n.dir, "other"), link+"/sub"))
		_, err := n.StartContainer(context.Background(), &runtimeapi.StartContainerRequest{ContainerId: id})
		if err == nil {
			n.exited(id)
		}
		require.NoFileExists(t, filepath.Join(outside, "sub", "file"))
		require.NoDirExists(t, filepath.Join(outside, "sub"))
	}
}

func TestLinksInImagesDoNotLeadOut(t *testing.T) {
	n := newNode(t)
	outside := filepath.Join(n.dir, "outside")
	require.NoError(t, os.MkdirAll(outside, 0o777))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Name: "dev", Typeflag: tar.TypeSymlink, Linkname: outside},
		{Name: "proc", Typeflag: tar.TypeSymlink, Linkname: "../../../../../.." + outside},
		{Name: "data", Typeflag: tar.TypeSymlink, Linkname: outside},
	} {
		require.NoError(t, w.WriteHeader(h))
	}
	require.NoError(t, w.Close())
	file := filepath.Join(n.dir, "links.tar")
	saveImage(t, file, "test.local/links:v1", v1.Config{}, busyboxLayer(t), layerOf(t, b.Bytes()))
	_, err := n.images.Import(context.Background(), file)
	require.NoError(t, err)
	id := n.create(n.pod(), []string{"/bin/true"}, bind(n.dir, "/data/sub"), func(c *runtimeapi.ContainerConfig) {
		c.Image.Image, c.WorkingDir = "test.local/links:v1", "/data/wd"
	})
	if _, err := n.StartContainer(context.Background(), &runtimeapi.StartContainerRequest{ContainerId: id}); err == nil {
		n.exited(id)
	}
	found, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, found)
}

// On the node's PID namespace, /proc leads to the roots of the node's processes. The runtime may follow such links, its container not.
func TestAWorkingFolderDoesNotLeadOut(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	nodesProcesses := security(func(c *runtimeapi.LinuxContainerSecurityContext) {
		c.NamespaceOptions = &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_NODE}
	})
	link := fmt.Sprintf("/proc/%d/cwd", os.Getpid())
	id := n.run(pod, []string{"sh", "-c", "cd /; ln -s " + link + " /tmp/wd/link; exec sleep 1000"}, nodesProcesses, func(c *runtimeapi.ContainerConfig) { c.WorkingDir = "/tmp/wd" })
	out, code := n.shell(id, "ls -d "+n.dir)
	require.NotZero(t, code, out)
	for _, dir := range []string{link, "/tmp/wd/link", "/tmp/wd/link/made"} {
		n.mu.Lock()
		n.containers[id].config.WorkingDir = dir // as one that is exchanged between start and exec
		n.mu.Unlock()
		r, err := n.ExecSync(context.Background(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{"ls", "isolation_test.go"}})
		require.True(t, err != nil || r.ExitCode != 0, "%s leads out", dir)
	}
	require.NoDirExists(t, "made")
}

func TestNoFilesOfTheNodeAreOpen(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	want := func(out string) {
		for line := range strings.Lines(out) {
			fd, link, _ := strings.Cut(strings.TrimSpace(line), " ")
			number, err := strconv.Atoi(fd)
			require.NoError(t, err, out)
			// The attacker itself, being in Go, polls by descriptors of its own.
			own := number > 2 && (strings.HasPrefix(link, "anon_inode:[event") || strings.HasPrefix(link, "/sys/fs/cgroup") || strings.HasPrefix(link, "/proc/"))
			require.True(t, own || number <= 2 && (strings.HasPrefix(link, "pipe:") || link == "/dev/null" || strings.HasPrefix(link, "/dev/pts/")), out)
		}
	}
	want(n.output(pod, []string{"attacker", "files"}))
	want(n.output(pod, []string{"attacker", "files"}, func(c *runtimeapi.ContainerConfig) { c.Tty, c.Stdin = true, true }))
	id := n.run(pod, []string{"sleep", "1000"})
	out, _ := n.shell(id, "exec attacker files")
	want(out)
}

func TestCapabilitiesAreDropped(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	read := []string{"sh", "-c", "while read name value; do case $name in Cap*|NoNewPrivs*) echo $name $value;; esac; done < /proc/self/status"}
	require.Equal(t, "CapInh: 0000000000000000\nCapPrm: 00000000a80425fb\nCapEff: 00000000a80425fb\nCapBnd: 00000000a80425fb\nCapAmb: 0000000000000000\nNoNewPrivs: 1\n",
		n.output(pod, read))
	require.Contains(t, n.output(pod, read, security(func(c *runtimeapi.LinuxContainerSecurityContext) {
		c.RunAsUser = &runtimeapi.Int64Value{Value: 1000}
	})), "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapBnd: 00000000a80425fb\nCapAmb: 0000000000000000\n")
	require.Contains(t, n.output(pod, read, security(func(c *runtimeapi.LinuxContainerSecurityContext) {
		c.Capabilities = &runtimeapi.Capability{DropCapabilities: []string{"ALL"}, AddCapabilities: []string{"NET_BIND_SERVICE"}}
	})), "CapPrm: 0000000000000400\nCapEff: 0000000000000400\nCapBnd: 0000000000000400\n")
}
