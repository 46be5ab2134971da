package critest

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A container's output, as a kubelet reads it.
var logCases = []testCase{
	{"LinesOfBothStreams", func(t *testing.T, s *suite) {
		before := time.Now()
		c := s.pod(t).start(t, "echo one; echo two >&2; echo; echo ' three  four '")
		c.exited(t)
		lines := c.lines(t)
		require.Equal(t, "one\n\n three  four \n", text(lines, "stdout"))
		require.Equal(t, "two\n", text(lines, "stderr"))
		require.Len(t, lines, 4)
		for _, l := range lines {
			at, err := time.Parse(time.RFC3339Nano, l.time)
			require.NoError(t, err)
			require.WithinRange(t, at, before.Add(-time.Second), time.Now().Add(time.Second))
			require.Equal(t, "F", l.tag)
		}
	}},
	{"ALongLineIsCut", func(t *testing.T, s *suite) {
		const length = 100_000
		c := s.pod(t).start(t, "head -c 100000 /dev/zero | tr '\\0' x; echo; echo next")
		c.exited(t)
		lines := c.lines(t)
		require.Greater(t, len(lines), 2)
		for _, l := range lines[:len(lines)-2] {
			require.Equal(t, "P", l.tag)
			require.LessOrEqual(t, len(l.text), 16<<10)
		}
		require.Equal(t, "F", lines[len(lines)-2].tag)
		require.Equal(t, strings.Repeat("x", length)+"\nnext\n", text(lines, "stdout"))
	}},
	{"ALastLineWithoutAnEnd", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "printf 'a\\nb'")
		c.exited(t)
		until(t, "it is there", func() bool { return strings.HasPrefix(text(c.lines(t), "stdout"), "a\nb") })
		require.Len(t, c.lines(t), 2)
	}},
	{"AsItIsWritten", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "echo first; exec sleep 1000")
		c.says(t, "first")
		require.Equal(t, running, c.status(t).State)
	}},
	{"MuchOfIt", func(t *testing.T, s *suite) {
		// It stays: containerd gives what is in the pipes two seconds after the end, and this machine may need more for that much.
		c := s.pod(t).start(t, "seq 1 20000; exec sleep 1000")
		requireCount(t, c, 20000)
	}},
	{"LastWords", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "seq 1 1000")
		c.exited(t)
		requireCount(t, c, 1000)
	}},
	{"AnyByte", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, `printf 'caf\303\251 \001\377 end\n'`)
		require.Equal(t, "caf\303\251 \001\377 end\n", out)
	}},
	{"Reopen", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "echo one; read line < /tmp/gate; echo two; exec sleep 1000", func(c *runtimeapi.ContainerConfig) {
			c.Command[2] = "mkfifo /tmp/gate; " + c.Command[2]
		})
		c.says(t, "one")
		path := c.pod.config.LogDirectory + "/" + c.config.LogPath
		require.NoError(t, os.Rename(path, path+".1"))
		_, err := s.rs.ReopenContainerLog(s.ctx(t), &runtimeapi.ReopenContainerLogRequest{ContainerId: c.id})
		require.NoError(t, err)
		c.read(t, "echo > /tmp/gate")
		c.says(t, "two")
		require.Equal(t, "one\n", text(readLog(t, path+".1"), "stdout"))
		require.Equal(t, "two\n", text(c.lines(t), "stdout"))
	}},
	{"ReopenNeedsARunningContainer", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "true")
		c.exited(t)
		_, err := s.rs.ReopenContainerLog(s.ctx(t), &runtimeapi.ReopenContainerLogRequest{ContainerId: c.id})
		require.Error(t, err)
	}},
	{"NoneIfThereIsNoPath", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "seq 1 10000; exit 3", func(c *runtimeapi.ContainerConfig) { c.LogPath = "" })
		require.Equal(t, int32(3), c.exited(t).ExitCode, "it isn't held up by what nobody reads")
	}},
	{"StaysAfterTheContainer", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "echo one")
		c.exited(t)
		require.NoError(t, c.remove(t))
		require.Equal(t, "one\n", text(c.lines(t), "stdout"), "to remove it is the kubelet's part")
	}},
}

// requireCount waits until the container has counted up to a number, of which no line may be missing.
func requireCount(t testing.TB, c *container, n int) {
	t.Helper()
	until(t, "all is there", func() bool { return len(c.lines(t)) >= n })
	for i, l := range c.lines(t) {
		require.Equal(t, strconv.Itoa(i+1), l.text)
	}
}
