package conformance

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// ctl is a real etcd's etcdctl, pointed at a server.
type ctl struct {
	bin, endpoint string
}

func (c ctl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.bin, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS=" + c.endpoint}
	return cmd
}

// run gives the command's output and exit code.
func (c ctl) run(t *testing.T, ctx context.Context, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := c.command(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// must is run for a command that has to succeed.
func (c ctl) must(t *testing.T, ctx context.Context, args ...string) string {
	t.Helper()
	stdout, stderr, code := c.run(t, ctx, "", args...)
	require.Zero(t, code, "%v: %s%s", args, stdout, stderr)
	return stdout
}

// TestStockEtcdctl drives every target with the real etcd's etcdctl, as
// operators' scripts do.
func TestStockEtcdctl(t *testing.T) {
	for _, tg := range targets(t) {
		for _, version := range []string{process.Etcd34, process.Etcd373} {
			t.Run(tg.name+"_by_"+version, func(t *testing.T) {
				peer, err := locate(version)
				if err != nil || peer.Etcdctl == "" {
					t.Skipf("no etcdctl %s: %v", version, err)
				}
				srv := startServer(t, tg, 1)
				ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
				defer cancel()
				c := ctl{bin: peer.Etcdctl, endpoint: srv.cluster.Member(0).ClientURL}
				t.Run("keys", func(t *testing.T) { ctlKeys(t, ctx, c) })
				t.Run("watch", func(t *testing.T) { ctlWatch(t, ctx, c) })
				t.Run("lease", func(t *testing.T) { ctlLease(t, ctx, c) })
				t.Run("member", func(t *testing.T) { ctlMember(t, ctx, c) })
				t.Run("operator", func(t *testing.T) { ctlOperator(t, ctx, c) })
			})
		}
	}
}

func ctlKeys(t *testing.T, ctx context.Context, c ctl) {
	require.Equal(t, "OK\n", c.must(t, ctx, "put", "a", "1"))
	require.Equal(t, "OK\na\n1\n", c.must(t, ctx, "put", "--prev-kv", "a", "2"))
	require.Equal(t, "a\n2\n", c.must(t, ctx, "get", "a"))
	require.Equal(t, "2\n", c.must(t, ctx, "get", "--print-value-only", "a"))
	require.Contains(t, c.must(t, ctx, "get", "-w", "json", "a"), `"version":2`)
	stdout, _, code := c.run(t, ctx, "val(\"a\") = \"2\"\n\nput b 3\nget a\n\nget b\n\n", "txn")
	require.Zero(t, code)
	require.Equal(t, "SUCCESS\n\nOK\n\na\n2\n", stdout)
	require.Equal(t, "2\n", c.must(t, ctx, "del", "--prefix", ""))
	_, stderr, code := c.run(t, ctx, "", "get", "a", "--rev", "1000000")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "etcdserver: mvcc: required revision is a future revision")
}

func ctlWatch(t *testing.T, ctx context.Context, c ctl) {
	// From revision 2 on, so that nothing must be written at the right moment.
	cmd := c.command(ctx, "watch", "--prefix", "", "--rev", "2")
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	want := "PUT\na\n1\nPUT\na\n2\nPUT\nb\n3\nDELETE\na\n\nDELETE\nb\n\n"
	var got []byte
	buf := make([]byte, 1024)
	for len(got) < len(want) {
		n, err := pipe.Read(buf)
		got = append(got, buf[:n]...)
		require.NoError(t, err, "%s", got)
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Equal(t, want, string(got))
}

func ctlLease(t *testing.T, ctx context.Context, c ctl) {
	granted := regexp.MustCompile(`^lease ([0-9a-f]+) granted with TTL\(100s\)\n$`).FindStringSubmatch(c.must(t, ctx, "lease", "grant", "100"))
	require.NotNil(t, granted)
	id := granted[1]
	c.must(t, ctx, "put", "l", "v", "--lease", id)
	require.Regexp(t, `granted with TTL\(100s\), remaining\(\d+s\), attached keys\(\[l\]\)`, c.must(t, ctx, "lease", "timetolive", id, "--keys"))
	require.Contains(t, c.must(t, ctx, "lease", "list"), id)
	require.Contains(t, c.must(t, ctx, "lease", "keep-alive", "--once", id), "keepalived with TTL(100)")
	require.Equal(t, "lease "+id+" revoked\n", c.must(t, ctx, "lease", "revoke", id))
	require.Empty(t, c.must(t, ctx, "get", "l"))
}

func ctlMember(t *testing.T, ctx context.Context, c ctl) {
	require.Contains(t, c.must(t, ctx, "member", "list", "-w", "table"), "IS LEARNER")
	added := c.must(t, ctx, "member", "add", "new", "--peer-urls=http://127.0.0.1:1", "--learner")
	require.Contains(t, added, `ETCD_INITIAL_CLUSTER_STATE="existing"`)
	id := regexp.MustCompile(`Member\s+([0-9a-f]+) added`).FindStringSubmatch(added)
	require.NotNil(t, id, added)
	require.Contains(t, c.must(t, ctx, "member", "list"), id[1])
	c.must(t, ctx, "member", "update", id[1], "--peer-urls=http://127.0.0.1:2")
	require.Contains(t, c.must(t, ctx, "member", "remove", id[1]), "removed from cluster")
}

func ctlOperator(t *testing.T, ctx context.Context, c ctl) {
	require.Contains(t, c.must(t, ctx, "endpoint", "status", "-w", "table"), "RAFT APPLIED INDEX")
	_, stderr, code := c.run(t, ctx, "", "endpoint", "health")
	require.Zero(t, code, stderr)
	require.Contains(t, c.must(t, ctx, "endpoint", "hashkv"), c.endpoint)
	snapshot := filepath.Join(t.TempDir(), "snapshot.db")
	c.must(t, ctx, "snapshot", "save", snapshot)
	require.FileExists(t, snapshot)
	c.must(t, ctx, "defrag")
	require.Equal(t, "compacted revision 3\n", c.must(t, ctx, "compaction", "3"))
	_, stderr, code = c.run(t, ctx, "", "compaction", "3")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "required revision has been compacted")
	require.Empty(t, c.must(t, ctx, "alarm", "list"))
	require.Equal(t, "held\n", lastLine(c.must(t, ctx, "lock", "l", "echo", "held")))
	_, stderr, code = c.run(t, ctx, "", "move-leader", "1234")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "etcdserver: bad leader transferee")
}

// lastLine is what a command printed last.
func lastLine(s string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	return lines[len(lines)-1] + "\n"
}
