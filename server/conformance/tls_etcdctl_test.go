package conformance

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// ownEtcdctl builds petcd's etcdctl, once.
var ownEtcdctl = sync.OnceValues(func() (string, error) {
	root, err := process.RepositoryRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(buildDir, "own", "etcdctl")
	cmd := exec.Command("go", "build", "-o", bin, "./etcdctl")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	return bin, cmd.Run()
})

// TestEtcdctlTLS drives every target over TLS with every etcdctl, by flags and
// by variables.
func TestEtcdctlTLS(t *testing.T) {
	t.Parallel()
	own, err := ownEtcdctl()
	require.NoError(t, err)
	clients := map[string]string{"petcd": own}
	for _, version := range []string{process.Etcd34, process.Etcd373} {
		if peer, err := locate(version); err == nil && peer.Etcdctl != "" {
			clients[version] = peer.Etcdctl
		}
	}
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			s := startSecure(t, tg, secureOptions{})
			other := tlstest.NewCA(t, t.TempDir(), "other")
			for name, bin := range clients {
				t.Run("by_"+name, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
					defer cancel()
					run := func(env []string, args ...string) (string, error) {
						cmd := exec.CommandContext(ctx, bin, args...)
						cmd.Env = append([]string{"ETCDCTL_API=3", "PATH=" + os.Getenv("PATH")}, env...)
						var errOut bytes.Buffer
						cmd.Stderr = &errOut
						out, err := cmd.Output()
						return string(out) + errOut.String(), err
					}
					flags := []string{"--endpoints=" + s.cluster.Member(0).ClientURL, "--cacert=" + s.ca.CertFile, "--cert=" + s.client.CertFile, "--key=" + s.client.KeyFile}
					var env []string
					for _, f := range flags {
						name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
						env = append(env, "ETCDCTL_"+strings.ToUpper(name)+"="+value)
					}
					for _, words := range [][]string{{"put", "a", "1"}, {"endpoint", "health"}, {"member", "list"}} {
						out, err := run(nil, append(words, flags...)...)
						require.NoError(t, err, out)
					}
					out, err := run(env, "get", "a")
					require.NoError(t, err, out)
					bare := append([]string{"get", "a", "--endpoints=" + s.address()}, flags[1:]...)
					out, err = run(nil, bare...)
					require.NoError(t, err, out)
					short := "--command-timeout=500ms"
					_, err = run(nil, "get", "a", short, "--dial-timeout=500ms", flags[0], flags[1])
					require.Error(t, err, "no certificate")
					_, err = run(nil, "get", "a", short, "--dial-timeout=500ms", flags[0], "--cacert="+other.CertFile, flags[2], flags[3])
					require.Error(t, err, "the server is not trusted")
					out, err = run(nil, "get", "a", flags[0], "--insecure-skip-tls-verify", flags[2], flags[3])
					require.NoError(t, err, out)
				})
			}
		})
	}
}

// TestCommonNameIsTheUser checks that the name in a client's certificate
// reaches the permission checks, by both ways that gRPC's calls come in.
func TestCommonNameIsTheUser(t *testing.T) {
	t.Parallel()
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			s := startSecure(t, tg, secureOptions{})
			root := s.ca.Config(s.ca.Client("root", "root"))
			c := dialSecure(t, s.cluster.Member(0).ClientURL, root)
			ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
			defer cancel()
			require.NoError(t, put(t, s.address(), s.ca.Config(s.client)))
			_, err := c.UserAdd(ctx, "root", "canary")
			require.NoError(t, err)
			_, err = c.UserGrantRole(ctx, "root", "root")
			require.NoError(t, err)
			_, err = c.AuthEnable(ctx)
			require.NoError(t, err)
			for _, offers := range [][]string{nil, {"h2", "http/1.1"}} {
				mine, theirs := root.Clone(), s.ca.Config(s.client)
				mine.NextProtos, theirs.NextProtos = offers, offers
				require.NoError(t, put(t, s.address(), mine))
				require.ErrorContains(t, put(t, s.address(), theirs), "etcdserver: ")
			}
		})
	}
}
