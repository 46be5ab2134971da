package critest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ofOdd has a container be of the image that sets everything.
func ofOdd(c *runtimeapi.ContainerConfig) {
	c.Image.Image, c.Command = c.Image.Image[:strings.LastIndex(c.Image.Image, "/")]+"/odd:test", nil
}

// What a container's process starts with: what the image says, and what the pod says instead.
var processCases = []testCase{
	{"OfTheImage", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		out := s.pod(t).output(t, "", ofOdd)
		for _, line := range []string{"from the image\n", "FROM_IMAGE=yes\n", "BOTH=image\n", "/srv/work\n1234\n2345\n2345\n"} {
			require.Contains(t, out, line)
		}
	}},
	{"ArgumentsInPlaceOfTheImages", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		out := s.pod(t).output(t, "", ofOdd, func(c *runtimeapi.ContainerConfig) { c.Args = []string{"echo mine"} })
		require.Equal(t, "mine\n", out)
	}},
	{"CommandInPlaceOfTheImages", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		out := s.pod(t).output(t, "", ofOdd, func(c *runtimeapi.ContainerConfig) { c.Command, c.Args = []string{"/bin/echo"}, []string{"a", "b  c"} })
		require.Equal(t, "a b  c\n", out)
	}},
	{"Environment", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		out := s.pod(t).output(t, "", ofOdd, func(c *runtimeapi.ContainerConfig) {
			c.Args = []string{"env"}
			c.Envs = []*runtimeapi.KeyValue{{Key: "BOTH", Value: []byte("pod")}, {Key: "MORE", Value: []byte("a=b c")}, {Key: "EMPTY", Value: []byte("")}, {Key: "LINES", Value: []byte("1\n2")}}
		})
		for _, line := range []string{"BOTH=pod\n", "MORE=a=b c\n", "EMPTY=\n", "LINES=1\n2\n", "FROM_IMAGE=yes\n", "PATH=/bin\n"} {
			require.Contains(t, out, line)
		}
		require.NotContains(t, out, "BOTH=image")
	}},
	{"NothingElseInTheEnvironment", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "", func(c *runtimeapi.ContainerConfig) { c.Command = []string{"env"} })
		for line := range strings.Lines(out) {
			name, _, _ := strings.Cut(line, "=")
			require.Contains(t, []string{"PATH", "HOSTNAME", "HOME", "IMAGE_VERSION"}, name)
		}
	}},
	{"Home", func(t *testing.T, s *suite) {
		p := s.pod(t)
		require.Equal(t, "/root\n", p.output(t, "echo $HOME"))
		require.Equal(t, "/\n", p.output(t, "echo $HOME", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.RunAsUsername = "nobody" })))
	}},
	{"Umask", func(t *testing.T, s *suite) { require.Equal(t, "0022\n", s.pod(t).output(t, "umask")) }},
	{"WorkingDirectory", func(t *testing.T, s *suite) {
		p := s.pod(t)
		require.Equal(t, "/etc\n", p.output(t, "pwd", func(c *runtimeapi.ContainerConfig) { c.WorkingDir = "/etc" }))
		require.Equal(t, "/\n", p.output(t, "pwd"))
	}},
	{"WorkingDirectoryIsMade", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "pwd", func(c *runtimeapi.ContainerConfig) { c.WorkingDir = "/made/for/this" })
		require.Equal(t, "/made/for/this\n", out)
	}},
	{"User", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "id -u; id -g", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.RunAsUser = &runtimeapi.Int64Value{Value: 1000}
		}))
		require.Equal(t, "1000\n0\n", out)
	}},
	{"UserAndGroup", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "id -u; id -g", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.RunAsUser, c.RunAsGroup = &runtimeapi.Int64Value{Value: 1000}, &runtimeapi.Int64Value{Value: 2000}
		}))
		require.Equal(t, "1000\n2000\n", out)
	}},
	{"UserByName", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "id -u; id -g", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.RunAsUsername = "nobody" }))
		require.Equal(t, "65532\n65532\n", out)
	}},
	{"UnknownUserName", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c, err := p.tryCreate(t, p.containerConfig("true", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.RunAsUsername = "who" })))
		if err == nil {
			err = c.start(t)
		}
		require.Error(t, err)
	}},
	{"MoreGroups", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "id -G", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.RunAsUser, c.RunAsGroup, c.SupplementalGroups = &runtimeapi.Int64Value{Value: 1000}, &runtimeapi.Int64Value{Value: 2000}, []int64{3000, 4000}
		}))
		require.ElementsMatch(t, []string{"2000", "3000", "4000"}, strings.Fields(out))
	}},
	{"GroupNeedsAUser", func(t *testing.T, s *suite) {
		p := s.pod(t)
		_, err := p.tryCreate(t, p.containerConfig("true", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.RunAsGroup = &runtimeapi.Int64Value{Value: 2000}
		})))
		require.Error(t, err)
	}},
	{"Terminal", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "tty; test -t 1", func(c *runtimeapi.ContainerConfig) { c.Tty = true })
		require.Zero(t, c.exited(t).ExitCode)
		require.Contains(t, text(c.lines(t), "stdout"), "/dev/pts/0")
	}},
	{"NoTerminalAndNoInput", func(t *testing.T, s *suite) {
		require.Equal(t, "not a tty\nend\n", s.pod(t).output(t, "tty; cat; echo end"))
	}},
	{"StandardDevices", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "for d in null zero full random urandom tty ptmx; do test -e /dev/$d || echo no $d; done; "+
			"echo x > /dev/null; head -c 4 /dev/zero | wc -c; for d in fd stdin stdout stderr; do readlink /dev/$d; done")
		require.Equal(t, "4\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n", out)
	}},
	{"VolumesOfTheImage", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		out := s.pod(t).output(t, "", ofOdd, func(c *runtimeapi.ContainerConfig) { c.Args = []string{"test -d /srv/volume && echo there"} })
		require.Equal(t, "there\n", out)
	}},
}

// security changes what a container may do.
func security(change func(*runtimeapi.LinuxContainerSecurityContext)) func(*runtimeapi.ContainerConfig) {
	return func(c *runtimeapi.ContainerConfig) { change(c.Linux.SecurityContext) }
}
