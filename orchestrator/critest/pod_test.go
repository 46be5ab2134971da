package critest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/util/uuid"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pod is a sandbox that is running, or was. It goes with the test.
type pod struct {
	*suite
	id     string
	config *runtimeapi.PodSandboxConfig
}

// container is one of a pod, by its id.
type container struct {
	*pod
	id     string
	config *runtimeapi.ContainerConfig
}

// podCgroup is what the name of a pod's cgroup begins with, as a kubelet calls it.
const podCgroup = "pod"

// podConfig is a pod as a kubelet asks for one: an address of its own, and a cgroup below which its containers' are.
func (s *suite) podConfig(with ...func(*runtimeapi.PodSandboxConfig)) *runtimeapi.PodSandboxConfig {
	uid := string(uuid.NewUUID())
	c := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: "pod-" + uid[:8], Namespace: "critest", Uid: uid},
		Hostname:     "pod-" + uid[:8],
		LogDirectory: filepath.Join(s.dir, "logs", uid),
		DnsConfig:    &runtimeapi.DNSConfig{Servers: []string{"10.96.0.10"}},
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: filepath.Join(s.cgroups, podCgroup+uid),
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER},
			},
		},
	}
	for _, f := range with {
		f(c)
	}
	return c
}

// pod runs a sandbox.
func (s *suite) pod(t testing.TB, with ...func(*runtimeapi.PodSandboxConfig)) *pod {
	t.Helper()
	return s.run(t, s.podConfig(with...))
}

// run runs the sandbox of a configuration.
func (s *suite) run(t testing.TB, config *runtimeapi.PodSandboxConfig) *pod {
	t.Helper()
	require.NoError(t, os.MkdirAll(config.LogDirectory, 0o755))
	t.Cleanup(func() { removePodCgroup(config) })
	r, err := s.rs.RunPodSandbox(s.ctx(t), &runtimeapi.RunPodSandboxRequest{Config: config})
	require.NoError(t, err)
	p := &pod{suite: s, id: r.PodSandboxId, config: config}
	t.Cleanup(func() { p.end(t) })
	return p
}

// removePodCgroup does what is the kubelet's part. A cgroup in which a container's is left can't be removed, and shows at the end.
func removePodCgroup(config *runtimeapi.PodSandboxConfig) {
	for _, root := range cgroupRoots() {
		_ = os.Remove(filepath.Join(root, config.Linux.CgroupParent))
	}
}

// end stops and removes the sandbox and all that is in it.
func (p *pod) end(t testing.TB) {
	t.Helper()
	p.stop(t)
	_, err := p.rs.RemovePodSandbox(p.ctx(t), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.id})
	require.NoError(t, err)
}

// stop stops the sandbox. Who has gone already has stopped.
func (p *pod) stop(t testing.TB) {
	t.Helper()
	_, err := p.rs.StopPodSandbox(p.ctx(t), &runtimeapi.StopPodSandboxRequest{PodSandboxId: p.id})
	if status.Code(err) != codes.NotFound {
		require.NoError(t, err)
	}
}

func (p *pod) status(t testing.TB) *runtimeapi.PodSandboxStatus {
	t.Helper()
	r, err := p.rs.PodSandboxStatus(p.ctx(t), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: p.id})
	require.NoError(t, err)
	return r.Status
}

// ip is the pod's address.
func (p *pod) ip(t testing.TB) string {
	t.Helper()
	network := p.status(t).Network
	require.NotNil(t, network)
	require.NotEmpty(t, network.Ip)
	return network.Ip
}

// containerConfig is a container as a kubelet asks for one, of a shell's script.
func (p *pod) containerConfig(script string, with ...func(*runtimeapi.ContainerConfig)) *runtimeapi.ContainerConfig {
	name := "c-" + string(uuid.NewUUID())[:8]
	c := &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: name}, Image: &runtimeapi.ImageSpec{Image: p.images.busybox},
		Command: []string{"sh", "-c", script}, LogPath: name + ".log",
		Linux: &runtimeapi.LinuxContainerConfig{
			Resources: &runtimeapi.LinuxContainerResources{},
			SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				NamespaceOptions: p.config.Linux.SecurityContext.NamespaceOptions,
				Seccomp:          &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined},
			},
		},
	}
	for _, f := range with {
		f(c)
	}
	return c
}

// create makes a container that doesn't run yet.
func (p *pod) create(t testing.TB, script string, with ...func(*runtimeapi.ContainerConfig)) *container {
	t.Helper()
	c, err := p.tryCreate(t, p.containerConfig(script, with...))
	require.NoError(t, err)
	return c
}

func (p *pod) tryCreate(t testing.TB, config *runtimeapi.ContainerConfig) (*container, error) {
	r, err := p.rs.CreateContainer(p.ctx(t), &runtimeapi.CreateContainerRequest{PodSandboxId: p.id, Config: config, SandboxConfig: p.config})
	if err != nil {
		return nil, err
	}
	return &container{pod: p, id: r.ContainerId, config: config}, nil
}

// start makes a container and starts it.
func (p *pod) start(t testing.TB, script string, with ...func(*runtimeapi.ContainerConfig)) *container {
	t.Helper()
	c := p.create(t, script, with...)
	require.NoError(t, c.start(t))
	return c
}

// output runs a script in a container to its end, which has to be a success, and returns what it wrote to stdout.
func (p *pod) output(t testing.TB, script string, with ...func(*runtimeapi.ContainerConfig)) string {
	t.Helper()
	c := p.start(t, script, with...)
	s := c.exited(t)
	lines := c.lines(t)
	require.Zero(t, s.ExitCode, "%s: %s\n%v", s.Reason, s.Message, lines)
	return text(lines, "stdout")
}

func (c *container) start(t testing.TB) error {
	_, err := c.rs.StartContainer(c.ctx(t), &runtimeapi.StartContainerRequest{ContainerId: c.id})
	return err
}

func (c *container) stopWithin(t testing.TB, seconds int64) error {
	_, err := c.rs.StopContainer(c.ctx(t), &runtimeapi.StopContainerRequest{ContainerId: c.id, Timeout: seconds})
	return err
}

func (c *container) remove(t testing.TB) error {
	_, err := c.rs.RemoveContainer(c.ctx(t), &runtimeapi.RemoveContainerRequest{ContainerId: c.id})
	return err
}

func (c *container) status(t testing.TB) *runtimeapi.ContainerStatus {
	t.Helper()
	r, err := c.rs.ContainerStatus(c.ctx(t), &runtimeapi.ContainerStatusRequest{ContainerId: c.id})
	require.NoError(t, err)
	return r.Status
}

// exited waits for the end and returns the status then.
func (c *container) exited(t testing.TB) *runtimeapi.ContainerStatus {
	t.Helper()
	var s *runtimeapi.ContainerStatus
	until(t, "the container exits", func() bool {
		s = c.status(t)
		return s.State == runtimeapi.ContainerState_CONTAINER_EXITED
	})
	return s
}

// exec runs a script in the container.
func (c *container) exec(t testing.TB, script string) (stdout, stderr string, code int32) {
	t.Helper()
	r, err := c.rs.ExecSync(c.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: c.id, Cmd: []string{"sh", "-c", script}, Timeout: int64(patience.Seconds())})
	require.NoError(t, err)
	return string(r.Stdout), string(r.Stderr), r.ExitCode
}

// read runs a script in the container, which has to succeed, and returns what it wrote, without white space around.
func (c *container) read(t testing.TB, script string) string {
	t.Helper()
	stdout, stderr, code := c.exec(t, script)
	require.Zero(t, code, "%s: %s%s", script, stdout, stderr)
	return strings.TrimSpace(stdout)
}

// logLine is a line of a container's log.
type logLine struct{ time, stream, tag, text string }

// lines are the container's log, of which each line has to be as CRI wants it.
func (c *container) lines(t testing.TB) []logLine {
	t.Helper()
	return readLog(t, filepath.Join(c.pod.config.LogDirectory, c.config.LogPath))
}

func readLog(t testing.TB, path string) (lines []logLine) {
	t.Helper()
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	whole, _, _ := cutLast(content, '\n') // the rest is being written
	for line := range bytes.SplitSeq(whole, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		parts := strings.SplitN(string(line), " ", 4)
		require.Len(t, parts, 4, "%q is no line of a log", line)
		lines = append(lines, logLine{parts[0], parts[1], parts[2], parts[3]})
	}
	return lines
}

// cutLast cuts around the last separator.
func cutLast(b []byte, separator byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(b, separator)
	if i < 0 {
		return nil, b, false
	}
	return b[:i], b[i+1:], true
}

// text is what was written to a stream.
func text(lines []logLine, stream string) string {
	var b strings.Builder
	for _, l := range lines {
		if l.stream != stream {
			continue
		}
		b.WriteString(l.text)
		if l.tag == "F" {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// requireCode requires a call to have failed with a code.
func requireCode(t testing.TB, code codes.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code.String(), status.Code(err).String(), err.Error())
}

// gone tells that a sandbox is no longer known.
func (s *suite) gone(ctx context.Context, sandbox string) bool {
	_, err := s.rs.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: sandbox})
	return status.Code(err) == codes.NotFound
}
