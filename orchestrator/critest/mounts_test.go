package critest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What of the node's files a container sees, and how mounts spread.
var mountCases = []testCase{
	{"Writable", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "in"), []byte("from the node\n"), 0o600))
		out := s.pod(t).output(t, "cat /data/in; echo from the container > /data/out", mount(dir, "/data"))
		require.Equal(t, "from the node\n", out)
		content, err := os.ReadFile(filepath.Join(dir, "out"))
		require.NoError(t, err)
		require.Equal(t, "from the container\n", string(content))
	}},
	{"Readonly", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		c := s.pod(t).start(t, "sleep 1000", mount(dir, "/data", func(m *runtimeapi.Mount) { m.Readonly = true }))
		_, stderr, code := c.exec(t, "touch /data/file")
		require.NotZero(t, code)
		require.Contains(t, stderr, "Read-only file system")
		_, _, code = c.exec(t, "mount -o remount,rw /data")
		require.NotZero(t, code, "it stays so")
	}},
	{"AFile", func(t *testing.T, s *suite) {
		file := filepath.Join(s.folder(t), "hosts")
		require.NoError(t, os.WriteFile(file, []byte("10.0.0.1 somewhere\n"), 0o644))
		require.Equal(t, "10.0.0.1 somewhere\n", s.pod(t).output(t, "cat /etc/hosts", mount(file, "/etc/hosts")))
	}},
	{"APlaceIsMade", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x\n"), 0o644))
		p := s.pod(t)
		require.Equal(t, "x\n", p.output(t, "cat /not/there/yet/file", mount(dir, "/not/there/yet")))
		require.Equal(t, "x\n", p.output(t, "cat /nor/this", mount(filepath.Join(dir, "file"), "/nor/this")))
	}},
	{"WithAReadonlyRoot", func(t *testing.T, s *suite) {
		readonly := security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.ReadonlyRootfs = true })
		s.pod(t).output(t, "echo x > /not/there/yet/file", mount(s.folder(t), "/not/there/yet"), readonly)
	}},
	{"OneInAnother", func(t *testing.T, s *suite) {
		outer, inner := s.folder(t), s.folder(t)
		require.NoError(t, os.WriteFile(filepath.Join(inner, "file"), []byte("inner\n"), 0o644))
		out := s.pod(t).output(t, "cat /data/sub/file", mount(inner, "/data/sub"), mount(outer, "/data"))
		require.Equal(t, "inner\n", out, "whatever their order")
	}},
	{"SharedByContainers", func(t *testing.T, s *suite) {
		dir, p := s.folder(t), s.pod(t)
		p.output(t, "echo note > /here/file", mount(dir, "/here"))
		require.Equal(t, "note\n", p.output(t, "cat /there/file", mount(dir, "/there")))
	}},
	{"PrivateSeesNoLaterMount", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		c := s.pod(t).start(t, "sleep 1000", mount(dir, "/data"))
		s.mountOn(t, filepath.Join(dir, "sub"))
		_, _, code := c.exec(t, "test -e /data/sub/mounted")
		require.NotZero(t, code)
	}},
	{"EarlierMountsAreSeen", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		s.mountOn(t, filepath.Join(dir, "sub"))
		s.pod(t).output(t, "test -e /data/sub/mounted", mount(dir, "/data"))
	}},
	{"FromTheNodeToTheContainer", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		c := s.pod(t).start(t, "sleep 1000", mount(dir, "/data", func(m *runtimeapi.Mount) {
			m.Propagation = runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER
		}))
		s.mountOn(t, filepath.Join(dir, "sub"))
		c.read(t, "test -e /data/sub/mounted")
	}},
	{"InBothDirections", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Linux.SecurityContext.Privileged = true })
		c := p.start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.Privileged = true }),
			mount(dir, "/data", func(m *runtimeapi.Mount) { m.Propagation = runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL }))
		c.read(t, "mkdir /data/sub && mount -t tmpfs none /data/sub && touch /data/sub/mounted")
		_, err := os.Stat(filepath.Join(dir, "sub", "mounted"))
		require.NoError(t, err)
		c.read(t, "umount /data/sub")
		s.mountOn(t, filepath.Join(dir, "other"))
		c.read(t, "test -e /data/other/mounted")
	}},
	{"Devices", func(t *testing.T, s *suite) {
		with := func(c *runtimeapi.ContainerConfig) {
			c.Devices = []*runtimeapi.Device{{HostPath: "/dev/zero", ContainerPath: "/dev/nothing", Permissions: "r"}}
		}
		p := s.pod(t)
		require.Equal(t, "4\n", p.output(t, "head -c 4 /dev/nothing | wc -c", with))
		p.output(t, "! test -e /dev/kmsg && ! test -e /dev/vda")
	}},
}

// folder makes a folder of the node's, which goes with the case.
func (s *suite) folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(s.dir, "mount")
	require.NoError(t, err)
	remove(t, dir)
	require.NoError(t, os.Chmod(dir, 0o777))
	return dir
}

// mountOn mounts a file system, with a file in it, on the node.
func (s *suite) mountOn(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, unix.Mount("none", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mounted"), nil, 0o644))
}

// mount gives a container a part of the node's files.
func mount(host, container string, with ...func(*runtimeapi.Mount)) func(*runtimeapi.ContainerConfig) {
	return func(c *runtimeapi.ContainerConfig) {
		m := &runtimeapi.Mount{HostPath: host, ContainerPath: container}
		for _, f := range with {
			f(m)
		}
		c.Mounts = append(c.Mounts, m)
	}
}

// touch makes an empty file.
func touch(t testing.TB, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, 0o644))
}

// exists tells that there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
