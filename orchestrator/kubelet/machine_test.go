package kubelet

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	criclient "k8s.io/cri-client/pkg"

	internalapi "k8s.io/cri-api/pkg/apis"

	"github.com/petcd/petcd/orchestrator/images"
)

const (
	patience = time.Minute
	often    = 20 * time.Millisecond
	registry = "127.0.0.1:5055" // in the node's own network namespace
)

// machine is a node for a test: a network namespace with a container runtime and a registry in it. Folders are short, as sockets' paths must be.
type machine struct {
	t                *testing.T
	dir, bin, socket string
	runtime          internalapi.RuntimeService
	namespace        int // process that holds it
}

// newMachine makes a node with a runtime, containerd or embedded, and ends it with the test.
func newMachine(t *testing.T, runtime string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: there are no containers without")
	}
	needed := []string{"nsenter", "ip", "busybox"}
	if runtime == "containerd" {
		needed = append(needed, "containerd", "runc")
	}
	for _, program := range needed {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: apt-get install containerd runc iproute2 util-linux busybox-static", program)
		}
	}
	dir, err := os.MkdirTemp("", "kn")
	require.NoError(t, err)
	m := &machine{t: t, dir: dir, bin: filepath.Join(dir, "bin"), socket: filepath.Join(dir, "r.sock")}
	t.Cleanup(m.clear)
	require.NoError(t, os.MkdirAll(m.path("manifests"), 0o755))
	m.build("pause", "images", "cri-runtime", "cri-shim")
	built, err := images.Build(images.Options{Bin: m.bin, Tag: "test"}, "pause", "busybox")
	require.NoError(t, err)
	require.NoError(t, images.Write(m.path("layout"), built))

	holder := exec.Command("sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	m.start("holder", holder)
	m.namespace = holder.Process.Pid
	require.NoError(t, m.inside("ip", "link", "set", "lo", "up").Run())
	m.start("registry", m.inside(filepath.Join(m.bin, "images"), "serve", "--layout", m.path("layout"), "--listen", registry))
	if runtime == "containerd" {
		config := strings.ReplaceAll(containerdConfig, "$D", dir)
		require.NoError(t, os.WriteFile(m.path("config.toml"), []byte(config), 0o600))
		m.start(runtime, m.inside("containerd", "--config", m.path("config.toml")))
	} else {
		m.start(runtime, m.inside(filepath.Join(m.bin, "cri-runtime"), "--listen", "unix://"+m.socket, "--root", m.path("root"), "--state", m.path("state")))
	}
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m.runtime, err = criclient.NewRemoteRuntimeServiceBuilder().WithEndpoint("unix://" + m.socket).WithConnectionTimeout(time.Minute).WithTracerProvider(nil).Build(ctx)
		return err == nil
	}, patience, often)
	t.Cleanup(func() { require.NoError(t, m.runtime.Close(context.Background())) })
	return m
}

// containerdConfig is that of a node without CNI: pods are on the host's network, which is the namespace's.
const containerdConfig = `version = 2
root = "$D/root"
state = "$D/state"
[grpc]
  address = "$D/r.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$D/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "127.0.0.1:5055/pause:test"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "$D/no-cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "$D/runc"
`

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// build builds programs of this module.
func (m *machine) build(programs ...string) {
	m.t.Helper()
	args := []string{"build", "-o", m.bin + "/"}
	for _, p := range programs {
		args = append(args, "../cmd/"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(m.t, err, string(out))
}

// inside is a command in the node's network namespace.
func (m *machine) inside(program string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", m.namespace), program}, args...)...)
}

// start runs a program until the test ends.
func (m *machine) start(name string, cmd *exec.Cmd) {
	m.t.Helper()
	log, err := os.Create(m.path(name + ".log"))
	require.NoError(m.t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(m.t, cmd.Start())
	m.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
		if m.t.Failed() {
			text, err := os.ReadFile(log.Name())
			lines := strings.Split(string(text), "\n")
			m.t.Logf("%s: %v\n%s", name, err, strings.Join(lines[max(0, len(lines)-10):], "\n"))
		}
		log.Close()
	})
}

// cgroup is the one below which the node's pods are, in each hierarchy.
func (m *machine) cgroup() string { return "/" + filepath.Base(m.dir) }

// clear removes what a test may have left: mounts, cgroups, files.
func (m *machine) clear() {
	mounts, err := os.Open("/proc/self/mounts")
	require.NoError(m.t, err)
	defer mounts.Close()
	var below []string
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && strings.HasPrefix(words[1], m.dir+"/") {
			below = append(below, words[1])
		}
	}
	slices.Reverse(below)
	for _, path := range below {
		_ = syscall.Unmount(path, syscall.MNT_DETACH) // what can't go shows when files are removed
	}
	groups, err := filepath.Glob("/sys/fs/cgroup/*" + m.cgroup())
	require.NoError(m.t, err)
	for _, root := range append(groups, "/sys/fs/cgroup"+m.cgroup()) {
		var dirs []string
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs)
		for _, dir := range dirs {
			_ = os.Remove(dir)
		}
	}
	require.NoError(m.t, os.RemoveAll(m.dir))
}

// kubelet runs a kubelet that stands alone. What it returns stops it.
func (m *machine) kubelet() (stop func()) {
	m.t.Helper()
	o := NewOptions()
	o.RootDir, o.CertDir, o.HostnameOverride, o.NodeIP, o.PodNetwork = m.path("kubelet"), m.path("pki"), "here", "127.0.0.1", false
	c := o.Config
	c.StaticPodPath, c.PodLogsDir, c.CgroupRoot = m.path("manifests"), m.path("logs"), m.cgroup()
	c.ContainerRuntimeEndpoint = "unix://" + m.socket
	*c.HealthzPort, *c.EnableServer, *c.FailSwapOn = 0, false, false
	require.NoError(m.t, o.Validate())
	ctx, cancel := context.WithCancel(m.t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(m.t, <-done)
		}
	}
	m.t.Cleanup(stop)
	return stop
}

// manifest writes a static pod that counts in its log.
func (m *machine) manifest(say string) {
	m.t.Helper()
	text := `apiVersion: v1
kind: Pod
metadata: {name: static}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: init, image: "` + registry + `/busybox:test", command: [sh, -c, "echo ` + say + ` > /shared/word"], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
  - name: main
    image: ` + registry + `/busybox:test
    command: [sh, -c, "cat /shared/word; hostname; while true; do sleep 1; done"]
    volumeMounts: [{name: shared, mountPath: /shared}]
    resources: {limits: {memory: 64Mi}}
  volumes: [{name: shared, emptyDir: {}}]
`
	require.NoError(m.t, os.WriteFile(m.path("manifests/static.yaml"), []byte(text), 0o600))
}

// untilSaid waits until a log of main has a line, and is the container's process.
func (m *machine) untilSaid(word string) (pid int) {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		logs, err := filepath.Glob(m.path("logs/default_static-here_*/main/*.log"))
		require.NoError(m.t, err)
		for _, log := range logs {
			if text, err := os.ReadFile(log); err == nil && strings.Contains(string(text), " stdout F "+word+"\n") {
				return true
			}
		}
		return false
	}, patience, often)
	groups, err := filepath.Glob("/sys/fs/cgroup/memory" + m.cgroup() + "/kubepods/burstable/pod*/*/cgroup.procs")
	require.NoError(m.t, err)
	v2, err := filepath.Glob("/sys/fs/cgroup" + m.cgroup() + "/kubepods/burstable/pod*/*/cgroup.procs")
	require.NoError(m.t, err)
	for _, file := range append(groups, v2...) {
		procs, err := os.ReadFile(file)
		require.NoError(m.t, err)
		for id := range strings.FieldsSeq(string(procs)) {
			command, err := os.ReadFile("/proc/" + id + "/cmdline")
			if err == nil && strings.Contains(string(command), "cat /shared/word") {
				pid, err = strconv.Atoi(id)
				require.NoError(m.t, err)
			}
		}
	}
	require.NotZero(m.t, pid, "it runs in the pod's cgroup")
	return pid
}

// A static pod in a real container: it runs, outlives its kubelet, is replaced when its manifest changes, comes back when it is killed, and
// leaves nothing.
func TestAStaticPodInARealContainer(t *testing.T) {
	for _, runtime := range []string{"containerd", "embedded"} {
		t.Run(runtime, func(t *testing.T) {
			m := newMachine(t, runtime)
			m.manifest("hello")
			stop := m.kubelet()
			pid := m.untilSaid("hello")
			stop()

			m.kubelet()
			require.Equal(t, pid, m.untilSaid("hello"))
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			require.Eventually(t, func() bool {
				logs, err := filepath.Glob(m.path("logs/default_static-here_*/main/1.log"))
				return err == nil && len(logs) == 1
			}, patience, often, "a second attempt")

			m.manifest("again")
			require.NotEqual(t, pid, m.untilSaid("again"))
			require.NoError(t, os.Remove(m.path("manifests/static.yaml")))
			require.Eventually(t, func() bool {
				sandboxes, err := m.runtime.ListPodSandbox(t.Context(), nil)
				require.NoError(t, err)
				logs, err := os.ReadDir(m.path("logs"))
				require.NoError(t, err)
				pods, err := os.ReadDir(m.path("kubelet/pods"))
				require.NoError(t, err)
				return len(sandboxes)+len(logs)+len(pods) == 0
			}, patience, often, "something is left")
			left, err := filepath.Glob("/sys/fs/cgroup/*" + m.cgroup() + "/kubepods/*/pod*")
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
