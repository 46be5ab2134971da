package up

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/orchestrator/kubeadm"
)

// Each runtime gives a control plane that holds what a first look at it asks for: static pods in real containers, the store within, files
// and processes that show their options. Afterwards nothing is left.
func TestInit(t *testing.T) {
	for _, runtime := range []string{"embedded", "containerd"} {
		t.Run(runtime, func(t *testing.T) {
			w := newWorld(t, runtime, 0)
			require.NoError(t, w.Start(t.Context()))
			w.within, w.kubeconfig = w.namespace(master), kubeadm.Layout{Root: w.dir(master)}.Kubeconfig("admin.conf")
			w.allRunning()
			script, err := filepath.Abs("testdata/first-cluster")
			require.NoError(t, err)
			cmd := exec.Command(script)
			var out, failure bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &failure
			cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig, "ROOT="+w.dir(master))
			require.NoError(t, w.within.start(cmd))
			require.NoError(t, cmd.Wait(), "%s%s", out.String(), failure.String())
			require.NotContains(t, out.String(), "falls short")

			again := w.kubeadm(t.Context(), master, "init", "--root="+w.dir(master), "--bin="+w.Bin, "--node-name=master", "--apiserver-advertise-address="+addressOf(0))
			require.ErrorContains(t, again, "already exists", "a second init destroys nothing")
			require.ErrorContains(t, again, "Port 6443 is in use")
		})
	}
}

// A cluster set up by hand, with units in place of static pods, is one as well. Nodes join it with tokens that are made later.
func TestInitWithUnits(t *testing.T) {
	w := newWorld(t, "embedded", 0)
	w.Units = true
	require.NoError(t, w.Start(t.Context()))
	l := kubeadm.Layout{Root: w.dir(master)}
	w.within, w.kubeconfig = w.namespace(master), l.Kubeconfig("admin.conf")
	w.allRunning()
	require.NotContains(t, w.must("get pods -A"), "kube-apiserver")
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		require.FileExists(t, l.In("/etc/systemd/system", name+".service"))
		pid := w.unitPid(master, name)
		require.NotZero(t, pid, name)
		require.NoError(t, unix.Kill(pid, unix.SIGKILL))
		require.Eventually(t, func() bool { now := w.unitPid(master, name); return now != 0 && now != pid }, soon, pause, "%s is back", name)
	}
	w.allRunning()

	cmd := exec.Command(filepath.Join(w.Bin, "kubeadm"), "token", "create", "--print-join-command", "--root="+w.dir(master))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, w.within.start(cmd))
	require.NoError(t, cmd.Wait(), out.String())
	require.Regexp(t, `^kubeadm join 192\.168\.76\.10:6443 --token [a-z0-9]{6}\.[a-z0-9]{16} \\\n\t--discovery-token-ca-cert-hash sha256:[0-9a-f]{64}\n$`, out.String())
}
