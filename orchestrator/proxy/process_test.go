package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/cli"

	"github.com/petcd/petcd/orchestrator/proxy/app"
	"github.com/petcd/petcd/orchestrator/proxy/netlab"
)

// asKubeProxy has this program be kube-proxy.
const asKubeProxy = "PROXY_TEST_IS_KUBE_PROXY"

func TestMain(m *testing.M) {
	if os.Getenv(asKubeProxy) != "" {
		os.Exit(cli.Run(app.NewCommand()))
	}
	os.Exit(m.Run())
}

// process is a kube-proxy in the node's namespace.
type process struct {
	*exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (r *rules) kubeProxy(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(os.Environ(), asKubeProxy+"=1", "PATH="+path+":"+os.Getenv("PATH"))
	p.Stdout, p.Stderr = p, p
	require.NoError(t, r.Node.Do(p.Start))
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
		if t.Failed() {
			t.Logf("kube-proxy %s said:\n%s", strings.Join(args, " "), p.out.String())
		}
	})
	return p
}

// breakable is a folder with the programs that write rules, which fail while the file is there.
func breakable(t *testing.T, file string) string {
	dir := t.TempDir()
	for _, program := range []string{"nft", "iptables-restore", "ip6tables-restore"} {
		real, err := exec.LookPath(program)
		require.NoError(t, err)
		script := fmt.Sprintf("#!/bin/sh\n[ -e %s ] && echo broken >&2 && exit 1\nexec %s \"$@\"\n", file, real)
		require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755))
	}
	return dir
}

// get asks the node by HTTP, from itself.
func (r *rules) get(address string) (code int, body string) {
	_ = r.Node.Do(func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		here := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
		client := http.Client{Timeout: time.Second, Transport: here}
		answer, err := client.Get("http://" + address + "/healthz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		code, body = answer.StatusCode, string(text)
		return err
	})
	return code, body
}

func TestProcess(t *testing.T) {
	eachMode(t, 2, func(t *testing.T, r *rules) {
		api := newAPIServer(t, r.Node)
		file := filepath.Join(t.TempDir(), "broken")
		path := breakable(t, file)
		start := func() *process {
			return r.kubeProxy(t, path, "--master="+api.URL, "--hostname-override=node", "--proxy-mode="+r.mode,
				"--cluster-cidr="+netlab.PodRange+","+netlab.PodRange6,
				"--"+r.mode+"-min-sync-period=10ms", "--"+r.mode+"-sync-period=500ms", "--conntrack-max-per-core=0", "--oom-score-adj=0")
		}
		reaches := func(address, pod string) func() bool {
			return func() bool {
				answer, err := r.Outside.Ask(address)
				return err == nil && answer.Server == pod
			}
		}
		soon := func(condition func() bool, what string) {
			t.Helper()
			require.Eventually(t, condition, 20*time.Second, 50*time.Millisecond, what)
		}
		healthz := func(code int) func() bool {
			return func() bool {
				got, _ := r.get("127.0.0.1:10256")
				return got == code
			}
		}

		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}
		node.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: netlab.NodeIP}}
		api.put(t, "/api/v1/nodes", node)
		api.putService(t, web(0))
		api.putService(t, named("gone", "10.96.0.20", 0))
		p := start()
		soon(reaches(at(webIP, port), "pod0"), "the rules are written")
		soon(reaches(at(netlab.NodeIP, nodePort), "pod0"), "also those of node ports")
		soon(healthz(http.StatusOK), "then it is healthy")
		api.putService(t, web(1))
		soon(reaches(at(webIP, port), "pod1"), "changes follow")

		require.NoError(t, p.Process.Kill())
		_ = p.Wait()
		api.remove("/api/v1/services", "default", "gone")
		require.True(t, reaches(at(webIP, port), "pod1")(), "rules outlive a kill -9")
		require.True(t, reaches(at("10.96.0.20", port), "pod0")())
		api.putService(t, web(0))
		p = start()
		soon(reaches(at(webIP, port), "pod0"), "the next one takes over")
		require.NotContains(t, r.ruleset(t), "10.96.0.20", "and removes what is stale")

		local := named("local", "10.96.0.30", 0)
		local.Spec.Type, local.Spec.ExternalTrafficPolicy = v1.ServiceTypeLoadBalancer, v1.ServiceExternalTrafficPolicyLocal
		local.Spec.HealthCheckNodePort = 31999
		api.putService(t, local)
		soon(func() bool {
			code, body := r.get("127.0.0.1:31999")
			return code == http.StatusOK && strings.Contains(body, `"localEndpoints": 1,"serviceProxyHealthy": true`)
		}, "a load balancer may ask")
		gone := named("local", "10.96.0.30")
		gone.Spec = local.Spec
		api.putService(t, gone)
		soon(func() bool {
			code, body := r.get("127.0.0.1:31999")
			return code == http.StatusServiceUnavailable && strings.Contains(body, `"localEndpoints": 0`)
		}, "and gets to know that there is no endpoint here")

		soon(healthz(http.StatusOK), "healthy again")
		require.NoError(t, os.WriteFile(file, nil, 0o644))
		api.putService(t, web(1))
		soon(healthz(http.StatusServiceUnavailable), "a sync that fails isn't healthy")
		require.True(t, reaches(at(webIP, port), "pod0")(), "and changes nothing")
		require.NoError(t, os.Remove(file))
		soon(reaches(at(webIP, port), "pod1"), "it is tried again")
		soon(healthz(http.StatusOK), "healthy again")

		r.Node.Run(t, "nft", "flush", "ruleset")
		soon(reaches(at(webIP, port), "pod1"), "what others destroy is repaired")

		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		require.NoError(t, p.Wait())
		require.True(t, reaches(at(webIP, port), "pod1")(), "rules outlive the end")
		cleanup := r.kubeProxy(t, path, "--cleanup")
		require.NoError(t, cleanup.Wait())
		left := r.Node.Run(t, "nft", "list", "ruleset") + r.Node.Run(t, "iptables-save")
		require.NotContains(t, left, "KUBE-")
		require.NotContains(t, left, "kube-proxy")
	})
}
