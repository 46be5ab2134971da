package sampleapiserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/petcd/petcd/orchestrator/clustertest"
)

// patience is how long something may take on a busy machine.
const patience = 2 * time.Minute

// TestSampleAPIServer runs the session in testdata.
func TestSampleAPIServer(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("no kubectl: `make test-control-plane` fetches one")
	}
	if help, _ := exec.Command(kubectl, "create", "token", "--help").Output(); !strings.Contains(string(help), "Request a service account token") {
		t.Skip("the session makes tokens, which kubectl can do from 1.24 on")
	}
	programs := bin(t, "etcd", "etcdctl", "kube-apiserver")
	cluster, err := clustertest.Start(context.Background(), clustertest.Options{Bin: programs, Dir: t.TempDir(), NoController: true, NoScheduler: true})
	t.Cleanup(func() {
		if cluster == nil {
			return
		}
		if t.Failed() {
			t.Log(cluster.Tails(15))
		}
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, err)
	s := newSample(t, cluster, kubectl)
	require.NoError(t, s.start())
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", strings.Join([]string{programs, filepath.Dir(kubectl), os.Getenv("PATH")}, string(os.PathListSeparator)))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("CLUSTER", cluster.Kubeconfig)
			e.Setenv("KUBECONFIG", s.kubeconfig)
			e.Setenv("ETCDCTL_API", "3")
			e.Setenv("ETCDCTL_ENDPOINTS", cluster.StoreURL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"restart": s.restart, "eventually": eventually, "token": token},
	})
}

// bin is the folder of the programs.
func bin(t *testing.T, names ...string) string {
	t.Helper()
	dir := os.Getenv("PETCD_BIN_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "bin")
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Skipf("no %s in %s: `make control-plane` builds it", name, dir)
		}
	}
	return dir
}

// sample is a sample-apiserver that runs beside a cluster.
type sample struct {
	cluster    *clustertest.Cluster
	process    *clustertest.Process
	kubectl    string
	kubeconfig string // of the cluster's admin, for the sample's own address
}

func newSample(t *testing.T, c *clustertest.Cluster, kubectl string) *sample {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sample-apiserver")
	out, err := exec.Command("go", "build", "-o", program, "k8s.io/sample-apiserver").CombinedOutput()
	require.NoError(t, err, "%s", out)
	ports, err := clustertest.FreePorts(1)
	require.NoError(t, err)

	s := &sample{cluster: c, kubectl: kubectl, kubeconfig: c.File("sample.kubeconfig")}
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	require.NoError(t, err)
	for _, cluster := range config.Clusters {
		cluster.Server = fmt.Sprintf("https://127.0.0.1:%d", ports[0])
	}
	for _, context := range config.Contexts {
		context.Namespace = "tank"
	}
	require.NoError(t, clientcmd.WriteToFile(*config, s.kubeconfig))
	s.process = c.Program("sample-apiserver", program,
		"--etcd-servers="+c.StoreURL, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[0]),
		"--tls-cert-file="+c.File("apiserver.crt"), "--tls-private-key-file="+c.File("apiserver.key"), "--client-ca-file="+c.File("ca.crt"),
		"--kubeconfig="+c.Kubeconfig, "--authentication-kubeconfig="+c.Kubeconfig, "--authorization-kubeconfig="+c.Kubeconfig,
		// What these ask the cluster for is of kinds that the control plane doesn't serve.
		"--disable-admission-plugins=MutatingAdmissionPolicy,MutatingAdmissionWebhook,ValidatingAdmissionPolicy,ValidatingAdmissionWebhook",
		"--enable-priority-and-fairness=false")
	return s
}

// start runs the server and waits until it is ready.
func (s *sample) start() error {
	if err := s.cluster.Run(s.process); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command(s.kubectl, "--kubeconfig", s.kubeconfig, "get", "--raw=/readyz").CombinedOutput()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("sample-apiserver is not ready: %w: %s", err, out)
		}
	}
}

// restart ends the server as a crash does, and starts it again.
func (s *sample) restart(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(s.process.Kill())
	ts.Check(s.start())
}

// eventually runs a command until its output matches: eventually 'regexp' command arguments…
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: eventually 'regexp' command [argument...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if pattern.MatchString(out) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no match of %q in %v (%v):\n%s", args[0], patience, err, out)
		}
	}
}

// token sets a variable to a token of a service account in the namespace tank: token VARIABLE account.
func token(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: token VARIABLE account")
	}
	ts.Check(ts.Exec("kubectl", "--kubeconfig", ts.Getenv("CLUSTER"), "-n", "tank", "create", "token", args[1]))
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
