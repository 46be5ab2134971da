//go:build linux

package thirdparty

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// scriptTimeout bounds one script.
const scriptTimeout = 170 * time.Second

// python is Debian's, which alone sees Debian's libraries.
const python = "/usr/bin/python3"

// runScript runs a script of testdata on a cluster: MEMBERS tells it name, URL and process of each member. What it prints becomes the
// test's log.
func runScript(t *testing.T, c *process.Cluster, env []string, command ...string) {
	t.Helper()
	type member struct {
		Name string `json:"name"`
		URL  string `json:"url"`
		PID  int    `json:"pid"`
	}
	var list []member
	for _, m := range c.Members() {
		list = append(list, member{m.Name, m.ClientURL, m.PID()})
	}
	members, err := json.Marshal(list)
	require.NoError(t, err)
	testdata, err := filepath.Abs("testdata")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = testdata
	cmd.Env = append(os.Environ(), append(env, "MEMBERS="+string(members), "PYTHONDONTWRITEBYTECODE=1")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // its own children, too
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%v:\n%s", command, out)
	require.NoError(t, err)
}

// TestPythonEtcd is Debian's python3-etcd, a client of API 2.
func TestPythonEtcd(t *testing.T) {
	eachTarget(t, func(t *testing.T, _ environment, tg target) {
		c := tg.start(t, process.Config{Members: 3})
		runScript(t, c, nil, python, "python_etcd.py", "Keys", "Watches", "Expiry", "Recipes", "Cluster", "Auth", "Failover")
	})
}

// TestNodeEtcd is npm's node-etcd, a client of API 2.
func TestNodeEtcd(t *testing.T) {
	eachTarget(t, func(t *testing.T, env environment, tg target) {
		c := tg.start(t, process.Config{Members: 3})
		runScript(t, c, env.node(), "node", "node_etcd.js")
	})
}

// TestNodeEtcdOverTLS has node-etcd show a certificate, without which it is not let in.
func TestNodeEtcdOverTLS(t *testing.T) {
	eachTarget(t, func(t *testing.T, env environment, tg target) {
		ca := tlstest.NewCA(t, t.TempDir(), "ca")
		pair := ca.Client("client", "alice")
		c := tg.start(t, process.Config{ClientTLS: ca.Config(pair), Flags: tlstest.ClientPortFlags(ca, ca.Server("server"), true)})
		files, err := json.Marshal(map[string]string{"ca": ca.CertFile, "cert": pair.CertFile, "key": pair.KeyFile})
		require.NoError(t, err)
		runScript(t, c, append(env.node(), "TLS="+string(files)), "node", "node_etcd.js")
	})
}

// node lets a script of testdata find what fetch installed.
func (env environment) node() []string { return []string{"NODE_PATH=" + env.npm} }

// TestPythonEtcd3 is Debian's python3-etcd3, a client of API 3.
func TestPythonEtcd3(t *testing.T) {
	eachTarget(t, func(t *testing.T, _ environment, tg target) {
		runScript(t, tg.start(t, process.Config{Members: 3}), nil, python, "python_etcd3.py")
	})
}

// TestNodeEtcd3 is npm's etcd3, a client of API 3.
func TestNodeEtcd3(t *testing.T) {
	eachTarget(t, func(t *testing.T, env environment, tg target) {
		runScript(t, tg.start(t, process.Config{Members: 3}), env.node(), "node", "node_etcd3.js")
	})
}
