package runtime

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// patience is how long anything may take; the machine may be busy.
const patience = 30 * time.Second

// testImage is the image that tests run: busybox and the attacker.
const testImage = "test.local/busybox:v1"

// node is a runtime, and what tests do with it. It ends, with all its pods, with the test.
type node struct {
	*Server
	t      *testing.T
	dir    string
	cancel context.CancelFunc
}

// newNode starts a runtime on empty folders.
func newNode(t *testing.T) *node {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: containers do")
	}
	if _, err := os.Stat("/usr/bin/busybox"); err != nil {
		t.Skip("needs Debian's busybox-static")
	}
	n := &node{t: t, dir: t.TempDir()}
	require.NoError(t, os.Chmod(n.dir, 0o711))
	saveImage(t, filepath.Join(n.dir, "image.tar"), testImage, v1.Config{Env: []string{"PATH=/bin"}}, busyboxLayer(t))
	n.start()
	t.Cleanup(n.end)
	return n
}

// start starts the runtime, on the folders of the one before.
func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	o := NewOptions()
	o.Root, o.State, o.Shim, o.PodCIDR = filepath.Join(n.dir, "root"), filepath.Join(n.dir, "state"), program("cri-shim"), "10.250.0.0/24"
	o.Load, o.Parent = []string{filepath.Join(n.dir, "image.tar")}, "/"+filepath.Base(os.Getenv(binVariable))
	s, err := New(ctx, o)
	require.NoError(n.t, err)
	require.Empty(n.t, s.missing)
	n.Server, n.cancel = s, cancel
}

// crash ends the runtime as kill -9 does, as far as its pods can tell.
func (n *node) crash() { n.cancel() }

// end removes all pods and requires that nothing is left of them.
func (n *node) end() {
	list, err := n.ListPodSandbox(context.Background(), &runtimeapi.ListPodSandboxRequest{})
	require.NoError(n.t, err)
	for _, p := range list.Items {
		_, err := n.RemovePodSandbox(context.Background(), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.Id})
		require.NoError(n.t, err)
	}
	n.requireNothingLeft()
	n.cancel()
	n.cgroups.Remove(n.options.Parent, n.options.Parent)
}

// requireNothingLeft requires that no pod has left anything.
func (n *node) requireNothingLeft() {
	t := n.t
	t.Helper()
	for _, dir := range []string{n.stateDir("sandboxes"), n.stateDir("containers"), n.stateDir("network", "addresses"), n.rootDir("containers")} {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries, dir)
	}
	for _, dir := range n.cgroups.Dirs(n.options.Parent) {
		below, err := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
		require.NoError(t, err)
		require.Empty(t, below)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), n.dir)
	require.Eventually(t, func() bool { return len(processesOf(n.dir)) == 0 }, patience, time.Millisecond, "a shim is left")
	devices, err := os.ReadDir("/sys/class/net")
	require.NoError(t, err)
	for _, d := range devices {
		require.False(t, strings.HasPrefix(d.Name(), "veth"), d.Name())
	}
}

// processesOf are the processes whose command line has a text in it.
func processesOf(text string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, err := os.ReadFile(f)
		var pid int
		if _, e := fmt.Sscanf(f, "/proc/%d/", &pid); err == nil && e == nil && pid != os.Getpid() && bytes.Contains(line, []byte(text)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// pod runs a sandbox.
func (n *node) pod(with ...func(*runtimeapi.PodSandboxConfig)) string {
	n.t.Helper()
	id := newID()[:12]
	c := &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: "pod-" + id, Namespace: "test", Uid: id}, Hostname: "pod-" + id,
		LogDirectory: filepath.Join(n.dir, "logs", id),
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: n.options.Parent + "/pod" + id,
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER},
			},
		},
	}
	for _, f := range with {
		f(c)
	}
	r, err := n.RunPodSandbox(context.Background(), &runtimeapi.RunPodSandboxRequest{Config: c})
	require.NoError(n.t, err)
	return r.PodSandboxId
}

// create makes a container of a command.
func (n *node) create(pod string, cmd []string, with ...func(*runtimeapi.ContainerConfig)) string {
	n.t.Helper()
	c := &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: "c-" + newID()[:8]}, Image: &runtimeapi.ImageSpec{Image: testImage}, Command: cmd,
		Linux: &runtimeapi.LinuxContainerConfig{
			Resources: &runtimeapi.LinuxContainerResources{}, SecurityContext: &runtimeapi.LinuxContainerSecurityContext{NoNewPrivs: true},
		},
	}
	c.LogPath = c.Metadata.Name + ".log"
	for _, f := range with {
		f(c)
	}
	r, err := n.CreateContainer(context.Background(), &runtimeapi.CreateContainerRequest{PodSandboxId: pod, Config: c})
	require.NoError(n.t, err)
	return r.ContainerId
}

// run starts a container.
func (n *node) run(pod string, cmd []string, with ...func(*runtimeapi.ContainerConfig)) string {
	n.t.Helper()
	id := n.create(pod, cmd, with...)
	_, err := n.StartContainer(context.Background(), &runtimeapi.StartContainerRequest{ContainerId: id})
	require.NoError(n.t, err)
	return id
}

// status is how a container is.
func (n *node) status(id string) *runtimeapi.ContainerStatus {
	n.t.Helper()
	r, err := n.ContainerStatus(context.Background(), &runtimeapi.ContainerStatusRequest{ContainerId: id})
	require.NoError(n.t, err)
	return r.Status
}

// exited waits for a container's end.
func (n *node) exited(id string) *runtimeapi.ContainerStatus {
	n.t.Helper()
	require.Eventually(n.t, func() bool { return n.status(id).State == runtimeapi.ContainerState_CONTAINER_EXITED }, patience, time.Millisecond)
	return n.status(id)
}

// output runs a container to its end and returns what it wrote.
func (n *node) output(pod string, cmd []string, with ...func(*runtimeapi.ContainerConfig)) string {
	n.t.Helper()
	st := n.exited(n.run(pod, cmd, with...))
	log, err := os.ReadFile(st.LogPath)
	require.NoError(n.t, err)
	var out strings.Builder
	for line := range strings.Lines(string(log)) {
		fields := strings.SplitN(line, " ", 4)
		require.Len(n.t, fields, 4)
		out.WriteString(fields[3])
	}
	return out.String()
}

// shell runs a script in a running container.
func (n *node) shell(id, script string) (string, int32) {
	n.t.Helper()
	r, err := n.ExecSync(context.Background(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{"sh", "-c", script}, Timeout: 30})
	require.NoError(n.t, err)
	return string(r.Stdout) + string(r.Stderr), r.ExitCode
}

// busyboxLayer is a layer with busybox, its usual names, and the attacker.
func busyboxLayer(t *testing.T) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, dir := range []string{"bin", "tmp", "etc"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o1777}))
	}
	for name, path := range map[string]string{"bin/busybox": "/usr/bin/busybox", "bin/attacker": program("attacker")} {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(data))}))
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	for _, applet := range []string{"sh", "cat", "ls", "sleep", "ps", "echo", "touch", "id", "mkdir", "ln", "wc", "head", "kill", "test", "true"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"}))
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n"
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(passwd))}))
	_, err := io.WriteString(w, passwd)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return layerOf(t, b.Bytes())
}

// layerOf is a layer of a tar archive.
func layerOf(t *testing.T, archive []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil })
	require.NoError(t, err)
	return l
}

// saveImage writes an image to a file.
func saveImage(t *testing.T, file, ref string, config v1.Config, layers ...v1.Layer) {
	t.Helper()
	i, err := mutate.AppendLayers(empty.Image, layers...)
	require.NoError(t, err)
	i, err = mutate.Config(i, config)
	require.NoError(t, err)
	tag, err := name.NewTag(ref)
	require.NoError(t, err)
	require.NoError(t, tarball.WriteToFile(file, tag, i))
}
