package critest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Commands whose end is waited for, as probes and hooks run them.
var execCases = []testCase{
	{"Output", func(t *testing.T, s *suite) {
		stdout, stderr, code := s.pod(t).start(t, "sleep 1000").exec(t, "echo out; echo err >&2")
		require.Equal(t, "out\n", stdout)
		require.Equal(t, "err\n", stderr)
		require.Zero(t, code)
	}},
	{"ExitCode", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		_, _, code := c.exec(t, "exit 42")
		require.Equal(t, int32(42), code)
		_, _, code = c.exec(t, "kill -9 $$")
		require.Equal(t, int32(137), code)
	}},
	{"LikeTheContainer", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", func(c *runtimeapi.ContainerConfig) {
			c.WorkingDir, c.Envs = "/tmp", []*runtimeapi.KeyValue{{Key: "SOME", Value: []byte("thing")}}
		}, security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.RunAsUser, c.RunAsGroup, c.SupplementalGroups = &runtimeapi.Int64Value{Value: 1000}, &runtimeapi.Int64Value{Value: 2000}, []int64{3000}
			c.NoNewPrivs, c.Capabilities = true, &runtimeapi.Capability{DropCapabilities: []string{"ALL"}}
		}))
		require.Equal(t, "/tmp\nthing\n1000\n2000", c.read(t, "pwd; echo $SOME; id -u; id -g"))
		require.Contains(t, c.read(t, "id -G"), "3000")
		require.Equal(t, "0000000000000000", c.read(t, "awk '/CapBnd/ {print $2}' /proc/self/status"))
		require.Equal(t, "1", c.read(t, "awk '/NoNewPrivs/ {print $2}' /proc/self/status"))
		require.Equal(t, c.read(t, "cut -d: -f3 /proc/1/cgroup"), c.read(t, "cut -d: -f3 /proc/self/cgroup"), "it counts as the container's")
	}},
	{"Timeout", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		begun := time.Now()
		_, err := s.rs.ExecSync(s.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: c.id, Cmd: []string{"sleep", "7777"}, Timeout: 1})
		require.Error(t, err)
		require.Equal(t, codes.DeadlineExceeded, status.Code(err), err.Error())
		require.Less(t, time.Since(begun), soon)
		until(t, "the command has ended", func() bool { return !runs("sleep 7777") })
		require.Equal(t, running, c.status(t).State)
	}},
	{"NoSuchCommand", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		_, err := s.rs.ExecSync(s.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: c.id, Cmd: []string{"/no/such/command"}})
		require.ErrorContains(t, err, "/no/such/command")
		require.Equal(t, running, c.status(t).State)
	}},
	{"NotInOneThatHasEnded", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "true")
		c.exited(t)
		_, err := s.rs.ExecSync(s.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: c.id, Cmd: []string{"true"}})
		require.Error(t, err)
	}},
	{"MuchOutput", func(t *testing.T, s *suite) {
		stdout, _, code := s.pod(t).start(t, "sleep 1000").exec(t, "head -c 1000000 /dev/zero | tr '\\0' x")
		require.Zero(t, code)
		require.Equal(t, strings.Repeat("x", 1_000_000), stdout)
	}},
	{"ManyAtOnce", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		const n = 10
		errs := make(chan error, n)
		for range n {
			go func() {
				_, err := s.rs.ExecSync(s.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: c.id, Cmd: []string{"true"}, Timeout: 60})
				errs <- err
			}()
		}
		for range n {
			require.NoError(t, <-errs)
		}
	}},
	{"NotInTheLog", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "echo mine; exec sleep 1000")
		c.says(t, "mine")
		c.read(t, "echo other")
		require.Equal(t, "mine\n", text(c.lines(t), "stdout"))
	}},
}
